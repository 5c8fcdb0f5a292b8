"""How a run uses the machine it is on, and what it does about trouble."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from deeplab_nas import checked_fields

_field = checked_fields.field


@dataclasses.dataclass(frozen=True)
class RuntimeConfig(checked_fields.Section):
  """How the machine is used.

  Attributes:
    seed: Of weights, batches and augmentation.
    inter_op_threads: Operations at a time; 0 lets TensorFlow choose. Two, with
      one thread in each, is fastest for the many small ones of a supernet on a
      CPU; see g3doc/performance.md.
    intra_op_threads: Threads within an operation; 0 lets TensorFlow choose.
    deterministic: Whether equal seeds give equal results to the last bit;
      slower.
    num_panels: Fixed validation images that are shown with their prediction.
    checkpoint_minutes: Time between two checkpoints within an epoch; null for
      one at the end of epochs alone. A run that is asked to stop writes one.
    nan_policy: What becomes of a step whose loss or gradient is NaN or
      infinite: 'stop' ends the run, 'skip' leaves the step out and counts it.
    distribution: 'none' for one device, 'mirrored' for all of this machine,
      'multi_worker' for several machines, 'tpu'; see g3doc/running.md.
    sync_batch_norm: Whether batch norm takes statistics over all replicas; null
      where a replica has fewer than 8 images.
    cpu_devices: Parts of the CPU that count as devices, to try 'mirrored'.
  """

  NAME: ClassVar[str] = 'runtime'

  seed: int = _field(0, int, low=0, high=2**31 - 1)
  inter_op_threads: int = _field(2, int, low=0)
  intra_op_threads: int = _field(1, int, low=0)
  deterministic: bool = _field(False, bool)
  num_panels: int = _field(4, int, low=0)
  checkpoint_minutes: float | None = _field(15.0, float, above=0, optional=True)
  nan_policy: str = _field('stop', str, choices=('stop', 'skip'))
  distribution: str = _field(
    'none', str, choices=('none', 'mirrored', 'multi_worker', 'tpu')
  )
  sync_batch_norm: bool | None = _field(None, bool, optional=True)
  cpu_devices: int = _field(1, int, low=1)
