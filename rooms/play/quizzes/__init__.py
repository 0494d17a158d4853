"""Quizzes: questions with a countdown in the server's time, scored by correctness and speed."""
