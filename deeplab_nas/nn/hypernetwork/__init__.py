"""What predicts the weights of a network from the graph of its cells."""
