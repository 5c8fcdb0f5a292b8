"""Processes that keep cores busy, as a search would."""

from __future__ import annotations

import subprocess
import sys

# Ends with the process that started it, however that ends.
_PROGRAM = """
import os, sys
parent = os.getppid()
print('', flush=True)
while os.getppid() == parent:
  sum(range(10000))
"""


class BusyCores:
  """Keeps some cores busy until it is closed."""

  def __init__(self, count: int):
    """Returns when all are busy."""
    self.processes = [
      subprocess.Popen([sys.executable, '-c', _PROGRAM], stdout=subprocess.PIPE)
      for _ in range(count)
    ]
    for process in self.processes:
      process.stdout.readline()

  def close(self) -> None:
    for process in self.processes:
      process.kill()
      process.wait()
      process.stdout.close()
