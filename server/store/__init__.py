"""The store: SQL is the truth about everything that lasts."""
