"""What is done about what is said in a stream, and what is kept of it for those who look after the room."""
