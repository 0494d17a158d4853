"""Lotteries whose draws can be checked: committed to before, drawn from what entrants sent, revealed."""
