"""How it computes: Keras layers for the supernet and the network found."""
