"""Guests on a room's stage: viewers who are seen beside the host, each in a slot of its own."""
