"""Load plugins, ask them, guard them."""

# Nothing is imported here: the worker process starts with this package and needs little of it.
