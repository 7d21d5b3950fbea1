"""Content store, ledger, record, parse, verify, export."""
