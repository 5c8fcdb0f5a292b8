"""Runs trials on the nodes of a Ray cluster: submit, wait, cancel.

Each trial that runs at a time has an actor, which lives on between trials, as
the processes of one machine do. An actor that dies with its node is replaced
wherever the cluster has room. Ray itself tries nothing twice: what was lost,
and how often, is the driver's business.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pathlib
import socket
import time
from collections.abc import Mapping
from typing import Any

from absl import logging

import deeplab_nas
from deeplab_nas import errors, files
from deeplab_nas.data import dataset_info
from deeplab_nas.search.trials import executor
from deeplab_nas.search.trials import job as job_lib
from deeplab_nas.search.trials.cluster import node_worker

_PAGE = 'g3doc/running.md'
# Without a worker, before the log says what the cluster lacks.
_PATIENCE = 60.0
_SECONDS_TO_END = 5.0


@dataclasses.dataclass
class _Actor:
  """A worker of the cluster, and what is expected of it.

  Attributes:
    handle: Ray's.
    ref: Of its answer; None if nothing was asked.
    job: That it runs; None if it starts or is idle.
    is_ready: Whether it has ever answered.
  """

  handle: Any
  ref: Any
  job: job_lib.Job | None = None
  is_ready: bool = False


class RayExecutor:
  """Workers on the nodes of a cluster, one accelerator or core for each.

  Attributes:
    capacity: See `executor.Executor`; where the cluster has less room than
      that, jobs wait for it.
  """

  def __init__(
    self,
    settings: Mapping[str, Any],
    num_workers: int,
    timeout: float,
    log: pathlib.Path,
    address: str,
  ):
    """Connects to the cluster.

    Args:
      settings: Of the study, as `Config.to_dict` gives them.
      num_workers: Trials at a time.
      timeout: See `LocalExecutor`.
      log: File for what the workers' processes, and Ray, say.
      address: 'auto' for the cluster of this machine, or HOST:PORT of its head.

    Raises:
      UserError: If Ray is not installed, or no cluster is there.
    """
    self.capacity = num_workers
    self._ray = _import()
    self._open = contextlib.ExitStack()
    self._log = open(log, 'a', encoding='utf-8')  # noqa: SIM115 - until `cancel`
    self._open.callback(self._log.close)
    # Ray prints what befalls its nodes, at length.
    self._open.enter_context(contextlib.redirect_stdout(self._log))
    try:
      if not self._ray.is_initialized():
        _connect(self._ray, address)
        self._open.callback(self._ray.shutdown)
      found = self._ray.cluster_resources()
    except BaseException:
      self._open.close()
      raise
    self._has_accelerator = found.get('GPU', 0) > 0
    self._settings = node_worker.with_whole_paths(settings)
    self._timeout = timeout
    self._actors: list[_Actor] = []
    self._queue: list[job_lib.Job] = []
    self._warn_at: float | None = time.monotonic() + _PATIENCE

  def submit(self, job: job_lib.Job) -> None:
    """See `executor.Executor`."""
    job.folder.mkdir(parents=True, exist_ok=True)
    job.outcome.unlink(missing_ok=True)
    self._queue.append(job)
    self._hand_out()

  def wait(self, seconds: float) -> list[executor.Ended]:
    """See `executor.Executor`.

    Raises:
      UserError: If a node cannot run trials of this study.
    """
    deadline = time.monotonic() + seconds
    while True:
      ended = self._listen(max(0.0, deadline - time.monotonic()))
      self._hand_out()
      if ended or time.monotonic() >= deadline:
        self._warn()
        return ended

  def cancel(self) -> None:
    """See `executor.Executor`; leaves the cluster."""
    self._queue = []
    idle = [a for a in self._actors if a.is_ready and a.job is None]
    ends = [a.handle.end.remote() for a in idle]
    if ends:
      self._ray.wait(ends, num_returns=len(ends), timeout=_SECONDS_TO_END)
    while self._actors:
      self._dismiss(self._actors[-1])
    self._open.close()

  def _hand_out(self) -> None:
    """Starts workers that are missing, and gives the idle ones what waits."""
    while self._queue and len(self._actors) < self.capacity:
      self._actors.append(self._started())
    idle = [a for a in self._actors if a.is_ready and a.job is None]
    for actor in idle[: len(self._queue)]:
      actor.job = self._queue.pop(0)
      actor.ref = actor.handle.run.remote(actor.job.to_line())

  def _started(self) -> _Actor:
    """A worker that is to start as soon as a node has room."""
    made = self._ray.remote(node_worker.NodeWorker).options(
      num_cpus=1,
      num_gpus=int(self._has_accelerator),
      max_restarts=0,
      max_task_retries=0,
      scheduling_strategy='SPREAD',
    )
    handle = made.remote(self._settings, self._timeout, self._has_accelerator)
    digest = dataset_info.digest(self._settings['data']['dir'])
    ref = handle.refusal.remote(deeplab_nas.__version__, digest)
    return _Actor(handle, ref)

  def _listen(self, seconds: float) -> list[executor.Ended]:
    """Takes an answer; waits for it no longer than that."""
    asked = {a.ref: a for a in self._actors if a.ref is not None}
    if not asked:
      time.sleep(seconds)
      return []
    answered, _ = self._ray.wait(list(asked), timeout=seconds)
    ended = [self._take(asked[ref]) for ref in answered]
    return [e for e in ended if e is not None]

  def _take(self, actor: _Actor) -> executor.Ended | None:
    """The end of a worker's job, if it had one."""
    try:
      answer = self._ray.get(actor.ref)
    except self._ray.exceptions.RayError as error:
      return self._lost(actor, error)
    job, actor.ref, actor.job = actor.job, None, None
    if job is None:
      if answer is not None:
        raise errors.UserError(answer)
      actor.is_ready, self._warn_at = True, None
      return None
    self._log.write(answer.log)
    self._log.flush()
    if answer.outcome is not None:
      files.write(job.outcome, answer.outcome)
    loss = answer.loss and f'{answer.loss}, on {answer.node}'
    return executor.Ended(job, loss)

  def _lost(self, actor: _Actor, error: Exception) -> executor.Ended | None:
    """Its job ends with it."""
    self._dismiss(actor)
    text = str(error).strip().splitlines() or ['']
    if getattr(error, 'actor_init_failed', False):
      raise errors.UserError(
        f'A node of the cluster cannot run trials ({text[-1].strip()}): install'
        f' the same version of deeplab-nas on all nodes, see {_PAGE}.'
      )
    if actor.job is None:
      return None
    loss = f'{executor.CRASH}: {type(error).__name__}: {text[0]}'
    return executor.Ended(actor.job, loss)

  def _dismiss(self, actor: _Actor) -> None:
    """Ends a worker, and with it its process."""
    self._actors.remove(actor)
    with contextlib.suppress(self._ray.exceptions.RayError):
      self._ray.kill(actor.handle)

  def _warn(self) -> None:
    """Says once if no worker starts."""
    if self._warn_at is None or time.monotonic() < self._warn_at:
      return
    self._warn_at = None
    free = self._ray.available_resources()
    logging.warning(
      'No node of the cluster has started a trial for %g s: each needs a free'
      ' core%s; free are %s. Waiting.',
      _PATIENCE,
      ' and a GPU' if self._has_accelerator else '',
      {name: free.get(name, 0) for name in ('CPU', 'GPU')},
    )


def _import() -> Any:
  """Ray; it can be used without the rest of this package's requirements.

  Raises:
    UserError: If it is not installed, or cannot work.
  """
  os.environ.setdefault('RAY_USAGE_STATS_ENABLED', '0')
  install = "pip install '.[cluster]', here and on every node"
  try:
    import ray
  except ImportError as error:
    raise errors.UserError(
      f'search.cluster needs Ray, which cannot be imported ({error}):'
      f' {install}; or leave it empty, and trials run on this machine alone.'
    ) from error
  try:
    import pyarrow  # noqa: F401 - Ray does, too, but only when it is too late
  except ModuleNotFoundError:
    pass
  except ImportError as error:
    raise errors.UserError(
      f'Ray cannot work beside this pyarrow ({error}): {install}, which has one'
      ' that fits.'
    ) from error
  return ray


def _connect(ray: Any, address: str) -> None:
  """Joins a cluster.

  Raises:
    UserError: If there is none.
  """
  errors.require(
    '://' not in address,
    f"search.cluster is {address}, expected 'auto' or HOST:PORT: run the search"
    ' on one of the nodes.',
  )
  try:
    host, colon, port = address.rpartition(':')
    if colon:  # Ray would wait for minutes
      socket.create_connection((host.strip('[]'), int(port)), 10).close()
    ray.init(address=address, log_to_driver=False, logging_level='ERROR')
  except (OSError, ValueError, RuntimeError, ray.exceptions.RayError) as error:
    first = (str(error).strip().splitlines() or [''])[0]
    raise errors.UserError(
      f'search.cluster is {address}, but no Ray cluster takes this machine in'
      f' ({type(error).__name__}: {first}): start it with `ray start`, see'
      f' {_PAGE}.'
    ) from error
