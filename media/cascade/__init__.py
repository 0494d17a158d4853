"""Picture between nodes: a room's packets and parts come once to each node that has viewers for them."""
