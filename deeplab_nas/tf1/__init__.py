"""Weights and run folders of the released TensorFlow 1 code of DeepLab."""
