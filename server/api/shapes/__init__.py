"""What the API answers: the types that make its responses, and that its description is made from."""
