"""Load plugins, ask them, guard them."""
