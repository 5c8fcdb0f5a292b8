"""What is timed: a function that a fresh process can import and call.

def build(size):
  images = tf.ones([size, size])
  return case.Job(lambda: tf.matmul(images, images).numpy())

case.Case('matmul', build, {'size': 64})
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any


def _no_facts() -> dict[str, Any]:
  return {}


@dataclasses.dataclass(frozen=True)
class Job:
  """A case that has been built, in its process.

  Attributes:
    step: What is timed; returns when its work is done, not when it is queued.
      What it returns is ignored.
    facts: What else to report, in types that JSON knows; called once, after all
      steps. Known names are `flops`, the floating-point operations of a step
      (see `graph_cost`), and `images`, the images of a step: `report` derives
      speeds from both.
    close: Called at the end, whatever happened.
  """

  step: Callable[[], object]
  facts: Callable[[], Mapping[str, Any]] = _no_facts
  close: Callable[[], object] = _no_facts


@dataclasses.dataclass(frozen=True)
class Case:
  """Something to time.

  Attributes:
    name: For people; unlike those of the cases it is compared with.
    build: Function of a module, not a lambda or a method: it is imported again
      by the process that runs it. Imports TensorFlow itself, so that the
      process of the command line needs none.
    settings: Keyword arguments of `build`, in types that JSON knows.
  """

  name: str
  build: Callable[..., Job]
  settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)
