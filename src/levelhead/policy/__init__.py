"""What follows from a verdict (all pure)."""
