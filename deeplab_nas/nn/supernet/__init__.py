"""The whole search space as one differentiable network."""
