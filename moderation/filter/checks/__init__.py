"""What is looked for in texts beside the words of lists: a module for each check."""
