"""What can be searched: plain Python and NumPy, never TensorFlow."""
