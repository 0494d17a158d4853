"""Gifts: a catalogue, giving with combos, who gave most, and what a fan has come to with a host."""
