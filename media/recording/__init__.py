"""Recording: a room's CMAF parts archived as they come, and served as a playlist on demand."""
