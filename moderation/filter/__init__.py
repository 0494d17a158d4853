"""What text from people may contain: cleaning, and word lists over normalised text."""
