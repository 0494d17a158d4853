"""Rooms as they are shown: each node's view of a room that has viewers here, and who is connected."""
