"""Strategies that learn a model of the trials, and what they learn it with."""
