"""The process: console, TensorFlow's Keras, kernels, threads, sums, memory."""
