"""Red packets: coins for whoever opens first, exact to the coin; what nobody opened goes back."""
