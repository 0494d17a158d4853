"""What checks of pictures and of sound share: who waits, whose turn it is, and a process of their own."""
