"""How it computes: Keras layers for the supernet."""
