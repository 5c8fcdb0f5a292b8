"""Keras layers: of the supernet, and of the network a genotype describes."""
