"""Parts that stacks are composed of."""
