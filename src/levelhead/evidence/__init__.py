"""Evidence: what proves the record to others. Checkpoints, anchors, signatures of others, gaps, packs and backups."""
