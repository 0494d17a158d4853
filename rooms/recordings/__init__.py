"""Recordings: what is kept of a room's stream, and how its time goes with the room's log."""
