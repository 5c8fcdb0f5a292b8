"""Architectures scored by shared weights, and what is decided by that."""
