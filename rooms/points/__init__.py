"""Points: what a viewer does earns some, by the day; they are redeemed for what the operator offers."""
