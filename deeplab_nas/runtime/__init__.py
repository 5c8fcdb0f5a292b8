"""The process: its console; TensorFlow's Keras, kernels, threads, memory."""
