"""Polls: one vote a person, of one or several options."""
