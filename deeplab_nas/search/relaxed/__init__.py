"""Strategies that share the weights of one supernet, and their search run."""
