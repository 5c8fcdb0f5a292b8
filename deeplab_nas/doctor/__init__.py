"""Checks of environment and machine; functions alone import TensorFlow."""
