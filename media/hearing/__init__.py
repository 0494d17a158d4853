"""What a stream says, listened to in windows by a checker in a process of its own or by somebody outside."""
