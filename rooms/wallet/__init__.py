"""Coins and points: a double-entry ledger, and what moves in it."""
