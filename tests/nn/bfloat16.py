"""Where bfloat16 can be tested."""

import pytest
import tensorflow as tf

from deeplab_nas.nn.kernels import conv_gradients

needed = pytest.mark.skipif(
  not conv_gradients.exist(tf.bfloat16, rate=2),
  reason='TensorFlow cannot learn convolutions in bfloat16 on this machine',
)
