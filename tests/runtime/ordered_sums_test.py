"""Sums do not depend on whose memory is free."""

import json
import subprocess
import sys

# Of each kind of sum, in how many of 1000 numbers it differs by whether its
# first two summands are needed later. In a process of its own: all that it
# traces is changed.
PROGRAM = """
import json, sys
from deeplab_nas.config import config
from deeplab_nas.runtime import tensorflow_setup

tensorflow_setup.prepare(config.RuntimeConfig(deterministic=sys.argv[1] == '1'))
import tensorflow as tf

values = [tf.Variable(tf.random.normal([1000])) for _ in range(3)]

def taped(*summands):
  x = tf.zeros([1000])
  with tf.GradientTape() as tape:
    tape.watch(x)
    y = [x * summand for summand in summands]
  return tape.gradient(y, x)

def of_graph(*summands):
  x = tf.zeros([1000])
  return tf.gradients([x * summand for summand in summands], x)[0]

SUMS = {
  'add_n': lambda *summands: tf.add_n(summands),
  'plus': lambda a, b, c: a + b + c,
  'tape': taped,
  'gradients': of_graph,
  'in a branch': lambda a, b, c: tf.cond(
    a[0] < 100, lambda: a + b + c, lambda: a
  ),
}

def computed(add, num_kept):
  @tf.function(autograph=False)
  def function():
    summands = [2.5 * value for value in values]
    return add(*summands), summands[:num_kept]

  return function()[0].numpy()

print(json.dumps({
  name: int((computed(add, 0) != computed(add, 2)).sum())
  for name, add in SUMS.items()
}))
"""


def differences(is_deterministic):
  result = subprocess.run(
    [sys.executable, '-c', PROGRAM, str(int(is_deterministic))],
    capture_output=True,
    text=True,
  )
  assert result.returncode == 0, result.stderr
  return json.loads(result.stdout)


def test_sums_are_the_same_whatever_else_needs_their_summands():
  assert set(differences(is_deterministic=True).values()) == {0}


def test_the_sums_are_those_that_tensorflow_does_not_order():
  """If this fails, TensorFlow orders some by itself."""
  assert min(differences(is_deterministic=False).values()) > 100
