"""What is done about a stream's picture, and what is kept of it for those who look after the room."""
