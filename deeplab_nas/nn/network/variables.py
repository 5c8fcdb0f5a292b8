"""Makes a layer's variables from the channels of its input alone.

Keras makes them at the first call, for which a whole network would be traced:
of a deep one that takes longer than all its variables do. Names are the same
either way: those of the layers around a variable, then its own.
"""

from __future__ import annotations

import tensorflow as tf


def create(layer: tf.keras.layers.Layer, channels: int) -> None:
  """Creates the variables of a layer that is given [B, H, W, channels].

  Random initializers draw in the order of these calls, so a layer of layers
  creates those of its parts in the order in which it calls them.

  Args:
    layer: One that is not built; its `build` calls `create` for its parts.
    channels: Of its input, at least 1.
  """
  with tf.name_scope(layer.name):
    layer.build(tf.TensorShape([None, None, None, channels]))
  layer.built = True
