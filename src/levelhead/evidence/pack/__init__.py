"""The dispute pack: what is handed to a client, a lawyer or an arbitrator, with the means to check it."""
