"""The relay: a room's tracks, which outlive publishers, and the forwarding of their packets to viewers."""
