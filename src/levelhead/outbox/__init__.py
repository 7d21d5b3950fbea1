"""Pays debts: judging, delivering, and what people do by hand."""
