"""Alone, everything is the identity; with others see `distribution_test`."""

import threading

import tensorflow as tf

from deeplab_nas.nn.kernels import replicas


def test_alone_a_sum_is_the_tensor():
  x = tf.constant([1.0, 2.0])
  assert replicas.count() == 1
  assert replicas.total(x) is x
  assert replicas.totals([x, x]) == [x, x]
  assert replicas.agreed([x, x]) == [x, x]


def test_alone_what_is_gathered_is_the_tensor():
  x = tf.constant([1.0, 2.0])
  assert replicas.gathered(x) is x


def test_norms_are_synchronized_only_with_others():
  with replicas.synchronized_norms(True):
    assert not replicas.norms_are_synchronized()


def test_a_replica_assigns_to_its_own_copy():
  alone = tf.Variable(1.0)
  assert replicas.own(alone) is alone
  strategy = tf.distribute.MirroredStrategy(['/cpu:0'])
  with strategy.scope():
    shared = tf.Variable(1.0)
  strategy.run(lambda: replicas.own(shared).assign(5.0))
  assert shared.numpy() == 5
  # As Keras runs steps: in a graph, here within a condition.
  tf.function(
    lambda: strategy.run(
      lambda: tf.cond(
        shared > 0, lambda: replicas.own(shared).assign_add(1.0), lambda: 0.0
      )
    )
  )()
  assert shared.numpy() == 6
  alone_too = tf.Variable(1.0)
  tf.function(
    lambda: tf.distribute.get_strategy().run(
      lambda: replicas.own(alone_too).assign(7.0)
    )
  )()
  assert alone_too.numpy() == 7


def test_each_replica_is_one_of_a_strategy():
  strategy = tf.distribute.OneDeviceStrategy('CPU:0')
  assert int(strategy.run(lambda: tf.constant(replicas.count()))) == 1
  with strategy.scope():
    assert replicas.count() == 1


def test_another_thread_does_not_see_the_setting():
  seen = []
  with replicas.synchronized_norms(True):
    thread = threading.Thread(
      target=lambda: seen.append(replicas.norms_are_to_synchronize())
    )
    thread.start()
    thread.join()
    assert replicas.norms_are_to_synchronize()
  assert seen == [False] and not replicas.norms_are_to_synchronize()
