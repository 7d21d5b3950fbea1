"""The outbox: judges messages, pays debts when they are due, and does what people ask by hand."""
