"""How good a network is: inference on whole images, and scores of it."""
