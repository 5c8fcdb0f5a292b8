"""Names of a network's variables, as checkpoints have them.

A variable is named by the attributes that lead to it, `aspp/pooled/...`: unlike
`tf.Variable.name`, that is unique and does not depend on how often a network
was built before.
"""

from __future__ import annotations

import collections
import os

import tensorflow as tf

from deeplab_nas.run import plain_path

_SUFFIX = '/.ATTRIBUTES/VARIABLE_VALUE'


def by_path(network: tf.Module) -> dict[str, tf.Variable]:
  """All variables by path, in the order of their discovery.

  The shortest path counts, as in a checkpoint; among equal ones the first.
  """
  view = tf.train.TrackableView(network)
  found = {}
  seen = {id(network)}
  queue = collections.deque([('', network)])
  while queue:
    path, parent = queue.popleft()
    for name, child in view.children(parent).items():
      if id(child) in seen:
        continue
      seen.add(id(child))
      child_path = f'{path}/{name}'.lstrip('/')
      if isinstance(child, tf.Variable):
        found[child_path] = child
      else:
        queue.append((child_path, child))
  return found


def in_checkpoint(
  prefix: str | os.PathLike[str],
) -> dict[str, tuple[str, tuple[int, ...]]]:
  """(key, shape) of the variables of a checkpoint's network, by path.

  A checkpoint with nothing named `network` is taken as one of the network
  alone.
  """
  stored = {
    key[: -len(_SUFFIX)]: (key, tuple(shape))
    for key, shape in tf.train.list_variables(plain_path.of_prefix(prefix))
    if key.endswith(_SUFFIX)
  }
  for root in ('network/', 'trainer/network/'):
    inside = {
      path[len(root) :]: value
      for path, value in stored.items()
      if path.startswith(root)
    }
    if inside:
      return inside
  return stored
