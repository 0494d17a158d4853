"""What waits for a moderator: held comments, reports, appeals, hits of the picture check."""
