"""Where something was measured: the machine, and the versions of the parts."""

from __future__ import annotations

import sys
from typing import Any

from deeplab_nas.data import scan
from deeplab_nas.run import provenance
from deeplab_nas.runtime import allocator
from deeplab_nas.space import latency


def describe() -> dict[str, Any]:
  """Time, command, versions, machine, allocator, in types that JSON knows."""
  return {
    **provenance.collect(sys.argv),
    'cores': scan.num_cores(),
    'cpu': latency.cpu_model(),
    'allocator': allocator.name(),
  }
