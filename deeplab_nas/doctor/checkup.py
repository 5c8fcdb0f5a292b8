"""All checks, in an order in which the first that fails explains others."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator
from typing import NamedTuple

from deeplab_nas.doctor import (
  apart,
  devices,
  finding,
  packages,
  resources,
  self_test,
)
from deeplab_nas.doctor.finding import Finding


class Check(NamedTuple):
  """One line of the result.

  Attributes:
    name: What is looked at.
    find: Looks at it.
    needs: Names of checks without whose success this one says nothing.
    is_risky: Whether it loads what may end the process or print.
  """

  name: str
  find: Callable[[], Finding]
  needs: tuple[str, ...] = ()
  is_risky: bool = False


def checks(run_dir: str, strategy: str = self_test.STRATEGY) -> list[Check]:
  """All of them.

  Args:
    run_dir: Where a run is going to write.
    strategy: On one supernet, whose steps are tried.
  """

  def imports(name, module, distribution, *needs):
    find = functools.partial(packages.importable, module, distribution)
    return Check(name, find, needs, is_risky=True)

  tf, keras, official = 'tensorflow', 'keras', 'official'
  losses = 'official.vision.losses.segmentation_losses'
  return [
    Check('python', packages.python),
    Check('packages', packages.installed),
    Check('memory', resources.memory),
    Check('allocator', resources.allocator),
    Check('disk', functools.partial(resources.disk, run_dir)),
    imports(tf, tf, tf),
    Check(keras, packages.keras, (tf,), True),
    imports('tensorflow_addons', 'tensorflow_addons', 'tensorflow-addons', tf),
    imports('keras_cv', 'keras_cv', 'keras-cv', tf),
    imports(official, losses, 'tf-models-official', tf),
    Check('devices', devices.devices, (tf,), True),
    Check('convolutions', devices.convolutions, (tf,), True),
    Check(
      'supernet',
      functools.partial(self_test.supernet, strategy),
      (tf, keras, official, 'convolutions'),
      is_risky=True,
    ),
  ]


def run(chosen: list[Check]) -> Iterator[tuple[str, Finding]]:
  """Gives the name and the finding of each check, as soon as it is there."""
  # Notes of TensorFlow at its start, on which nobody can act.
  os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')
  passed = set()
  with apart.Apart() as process:
    for check in chosen:
      missing = [name for name in check.needs if name not in passed]
      if missing:
        found = Finding(finding.SKIP, f'needs {", ".join(missing)}')
      elif check.is_risky:
        found = process.find(check.find)
      else:
        found = finding.run(check.find)
      if found.status in (finding.OK, finding.WARN):
        passed.add(check.name)
      yield check.name, found
