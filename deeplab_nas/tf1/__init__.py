"""Weights of the TensorFlow 1 release of DeepLab."""
