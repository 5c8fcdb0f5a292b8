"""What runs trials on a node of a cluster, one after the other.

It has a worker process as a search on one machine has them, which it watches in
the same way; it imports neither Ray nor TensorFlow.
"""

from __future__ import annotations

import dataclasses
import os
import pathlib
import shutil
import socket
import tempfile
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import deeplab_nas
from deeplab_nas import errors
from deeplab_nas.config import config as config_lib
from deeplab_nas.data import dataset_info, shards
from deeplab_nas.search.trials import costs, executor, job


class Answer(NamedTuple):
  """What became of a job, as far as its node knows.

  Attributes:
    node: Name of the machine.
    outcome: Text of the file of the outcome; None if there is none.
    loss: See `executor.Ended`.
    log: What the process said besides.
  """

  node: str
  outcome: str | None
  loss: str | None
  log: str


class NodeWorker:
  """Runs trials on this machine, with a folder of its own for their files."""

  def __init__(
    self, settings: Mapping[str, Any], timeout: float, has_accelerator: bool
  ):
    """Starts nothing yet.

    Args:
      settings: Of the study; its paths are of this machine.
      timeout: See `LocalExecutor`.
      has_accelerator: Whether CUDA_VISIBLE_DEVICES says which one to use; if
        not, the CPU is used, whatever else there is.
    """
    if not has_accelerator:
      os.environ['CUDA_VISIBLE_DEVICES'] = ''
    self._settings = settings
    self._folder = pathlib.Path(tempfile.mkdtemp(prefix='deeplab_nas_'))
    self._log = self._folder / 'log.txt'
    self._executor = executor.LocalExecutor(settings, 1, timeout, self._log)

  def refusal(self, version: str, digest: str) -> str | None:
    """Why trials of a study cannot run here; None if they can.

    Args:
      version: Of the driver's program.
      digest: Of the driver's data.
    """
    node = f'Node {socket.gethostname()} of the cluster'
    config = config_lib.Config.from_dict(self._settings)
    data = config.data
    if version != deeplab_nas.__version__:
      return (
        f'{node} has deeplab-nas {deeplab_nas.__version__}, the search is of'
        f' {version}: install the same on all nodes.'
      )
    try:
      dataset_info.DatasetInfo.load(data.dir, data.dataset or None)
      shards.listed(data.dir, data.train_split)
      costs.latencies(config)
      _require_whole(config)
    except errors.UserError as error:
      return f'{node} needs the same files as this machine: {error}'
    if digest != dataset_info.digest(data.dir):
      return f'{node} has other data in {data.dir}: copy that of this machine.'
    return None

  def run(self, line: str) -> Answer:
    """Runs the job of a line until its end, or its process's.

    Args:
      line: See `Job.to_line`; the job's own folder is not used.
    """
    given = job.Job.from_line(line)
    here = given._replace(folder=self._folder / str(given.number))
    self._executor.submit(here)
    ended = []
    while not ended:
      ended = self._executor.wait(60.0)
    outcome = here.outcome
    text = outcome.read_text('utf-8') if outcome.exists() else None
    shutil.rmtree(here.folder)
    return Answer(socket.gethostname(), text, ended[0].loss, self._new_log())

  def end(self) -> None:
    """Ends the process and removes the files."""
    self._executor.cancel()
    shutil.rmtree(self._folder, ignore_errors=True)

  def _new_log(self) -> str:
    """What was said since the last answer."""
    text = self._log.read_text('utf-8', errors='replace')
    os.truncate(self._log, 0)  # the process appends
    return text


def with_whole_paths(settings: Mapping[str, Any]) -> dict[str, Any]:
  """Settings whose files are found from any folder.

  Args:
    settings: As `Config.to_dict` gives them.
  """
  found = {section: dict(values) for section, values in settings.items()}
  for section, key, value in _files(config_lib.Config.from_dict(settings)):
    if os.path.exists(value):  # else it is a name
      found[section][key] = os.path.abspath(value)
  return found


def _require_whole(config: config_lib.Config) -> None:
  """Raises a UserError if what a whole path names is not here."""
  for _, _, path in _files(config):
    errors.require(
      not os.path.isabs(path) or os.path.exists(path),
      f'{path} does not exist.',
    )


def _files(config: config_lib.Config) -> Iterator[tuple[str, str, str]]:
  """Section, key and value of what may name a file or a folder."""
  for section in config.to_dict():
    values = getattr(config, section)
    for item in dataclasses.fields(values):
      if item.metadata['rule'].is_path:
        yield section, item.name, getattr(values, item.name)
