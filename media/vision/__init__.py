"""What a stream shows, looked at now and then by a checker in a process of its own."""
