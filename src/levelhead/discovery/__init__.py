"""From an address to the server of its mailbox: a table, autoconfig, SRV records, guesses."""
