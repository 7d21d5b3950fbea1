"""The engine of the heat detector (pure; no plugin machinery)."""
