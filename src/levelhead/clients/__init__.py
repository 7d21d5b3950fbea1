"""Who is who (pure): identities, directory, direction, threads."""
