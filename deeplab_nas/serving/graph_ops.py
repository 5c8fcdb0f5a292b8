"""Operations and signatures of a SavedModel, read from its file."""

from __future__ import annotations

import collections
import os
import pathlib
from collections.abc import Iterable
from typing import Any

from deeplab_nas import errors
from deeplab_nas.serving import versions

# They call back into the Python process that made them.
PYTHON_OPS = ('PyFunc', 'EagerPyFunc', 'PyFuncStateless', 'NumpyFunction')


def names(version_dir: str | os.PathLike) -> set[str]:
  """Types of all operations, those inside functions included."""
  return set(count(version_dir))


def count(version_dir: str | os.PathLike) -> collections.Counter[str]:
  """How many operations there are of each type, each function read once."""
  found = collections.Counter()
  for meta_graph in _meta_graphs(version_dir):
    graph = meta_graph.graph_def
    found.update(node.op for node in graph.node)
    for function in graph.library.function:
      found.update(node.op for node in function.node_def)
  return found


def signatures(version_dir: str | os.PathLike) -> dict[str, Any]:
  """The `SignatureDef` of each signature that can be served."""
  (meta_graph,) = _meta_graphs(version_dir)
  return {
    name: signature
    for name, signature in meta_graph.signature_def.items()
    if not name.startswith('__')  # the one that restores the variables
  }


def require_servable(found: Iterable[str]) -> None:
  """Refuses operations that TF Serving's binary does not have.

  Args:
    found: Types of operations. Those of an add-on have a prefix, `Addons>`.
  """
  foreign = sorted(x for x in found if '>' in x or x in PYTHON_OPS)
  errors.require(
    not foreign,
    f'The model has operations that TF Serving lacks: {", ".join(foreign)};'
    ' express them in those of TensorFlow.',
  )


def _meta_graphs(version_dir: str | os.PathLike):
  from tensorflow.core.protobuf import saved_model_pb2

  path = pathlib.Path(version_dir) / versions.MODEL_FILE
  model = saved_model_pb2.SavedModel.FromString(path.read_bytes())
  return model.meta_graphs
