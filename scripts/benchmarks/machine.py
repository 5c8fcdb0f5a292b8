"""Where something was measured: the machine, and the versions of the parts."""

from __future__ import annotations

import pathlib
import platform
import sys
from typing import Any

from deeplab_nas.data import scan
from deeplab_nas.run import provenance
from deeplab_nas.runtime import allocator

_CPU_INFO = pathlib.Path('/proc/cpuinfo')


def describe() -> dict[str, Any]:
  """Time, command, versions, machine, allocator, in types that JSON knows."""
  return {
    **provenance.collect(sys.argv),
    'cores': scan.num_cores(),
    'cpu': cpu_model(),
    'allocator': allocator.name(),
  }


def cpu_model() -> str:
  """Its name, or its architecture where the system does not tell."""
  if _CPU_INFO.is_file():
    for line in _CPU_INFO.read_text(encoding='utf-8').splitlines():
      key, _, value = line.partition(':')
      if key.strip() == 'model name':
        return value.strip()
  return platform.processor() or platform.machine()
