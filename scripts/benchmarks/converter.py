"""A converter as a case: the whole command, as a user starts it."""

from __future__ import annotations

import os
import pathlib
import shutil
import statistics
import subprocess
import sys
from typing import Any

from benchmarks import case as case_lib
from benchmarks import tree_memory
from deeplab_nas import errors
from deeplab_nas.runtime import other_load

SCRIPT = (
  pathlib.Path(__file__).parents[2] / 'datasets' / 'build_cityscapes_data.py'
)


def build(
  data_dir: str, output_dir: str, workers: int, num_images: int
) -> case_lib.Job:
  """Converts a folder in the layout of Cityscapes, anew in each step.

  Args:
    data_dir: The folder.
    output_dir: Where the shards go; removed before each step.
    workers: Processes that read images.
    num_images: How many there are.
  """
  command = [
    sys.executable,
    str(SCRIPT),
    f'--data_dir={data_dir}',
    f'--output_dir={output_dir}',
    f'--workers={workers}',
  ]
  peaks, cpu_seconds, loads = [], [], []

  def convert() -> None:
    shutil.rmtree(output_dir, ignore_errors=True)
    load, cpu_before = other_load.OtherLoad(), _cpu_seconds()
    process = subprocess.Popen(
      command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    watch = tree_memory.Watch(process.pid)
    try:
      _, messages = process.communicate()
    finally:
      process.kill()
      peaks.append(watch.stop())
    if process.returncode:
      last = (messages.splitlines() or ['nothing'])[-1]
      raise errors.UserError(f'{SCRIPT.name} says: {last}')
    cpu_seconds.append(_cpu_seconds() - cpu_before)
    loads.append(load.share(cpu_seconds[-1]))

  def facts() -> dict[str, Any]:
    files = pathlib.Path(output_dir).glob('*.tfrecord')
    return {
      'images': num_images,
      'workers': workers,
      'output_bytes': sum(file.stat().st_size for file in files),
      # Of the command and its workers together, not of what times them.
      'peak_bytes': max(peaks),
      'peak_gib': max(peaks) / 2**30,
      'median_cpu_seconds': statistics.median(cpu_seconds),
      'other_load': None if None in loads else statistics.mean(loads),
    }

  return case_lib.Job(convert, facts)


def _cpu_seconds() -> float:
  """Of all processes that this one has started and that have ended."""
  times = os.times()
  return times.children_user + times.children_system
