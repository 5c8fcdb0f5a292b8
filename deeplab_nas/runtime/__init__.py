"""The process around TensorFlow: which Keras, kernels, threads and memory."""
