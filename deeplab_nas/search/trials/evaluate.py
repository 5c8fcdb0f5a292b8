"""One trial: a training of half A of the split, scored by half B.

One with weights of a hypernetwork has no training of its own.

A confirming one is scored by unseen images as well, and a final one is trained
on both halves and scored by unseen images alone. Unseen is what is held out of
the training split or, where nothing is, the validation split.

It is an ordinary training, of the same network, steps, guard, averages and
recalibration; what it writes is the outcome alone. One process runs many: it
keeps the images, and the functions that all networks share.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import gc
import time
from collections.abc import Callable

import numpy as np
import scipy.stats
import tensorflow as tf

from deeplab_nas import errors
from deeplab_nas.config import config as config_lib
from deeplab_nas.data import dataset_info, input_pipeline, kept_images
from deeplab_nas.evaluate import scores as scores_lib
from deeplab_nas.run import provenance, session, step_guard, val_batches
from deeplab_nas.search.trials import costs, outcome
from deeplab_nas.search.trials import job as job_lib
from deeplab_nas.search.trials.compression import students, taught
from deeplab_nas.search.trials.lamarckian import inherited
from deeplab_nas.search.trials.learnt import hypernetwork
from deeplab_nas.space import latency
from deeplab_nas.train import class_weights, recalibration, trainer

NO_UNSEEN = (
  'There are no unseen images to score by: set data.held_out_fraction, or'
  ' data.val_split.'
)
_MEMORY_ERRORS = (tf.errors.ResourceExhaustedError, MemoryError)


def _ignore() -> None:
  pass


class Evaluator:
  """Runs trials, one after the other.

      evaluator = Evaluator(config)
      evaluator(job).scores['cross_entropy']

  Attributes:
    config: Of the study; network and train say how a trial is trained, but for
      width and steps.
  """

  def __init__(
    self,
    config: config_lib.Config,
    clock: Callable[[], float] = time.monotonic,
    models: hypernetwork.Models | None = None,
  ):
    """Nothing is computed yet.

    Args:
      config: The settings of the study.
      clock: Tells the time, in seconds.
      models: Gives architectures weights of a hypernetwork; None for that of
        the study.
    """
    self.config = config
    self._clock = clock
    self._images = kept_images.KeptImages()
    self._latencies = costs.latencies(config)
    self._code = provenance.code()
    self._taught: taught.Taught | None = None
    self._predicted = models or hypernetwork.Models(config)

  def __call__(
    self, job: job_lib.Job, beat: Callable[[], None] = _ignore
  ) -> outcome.Outcome:
    """Trains and scores.

    Args:
      job: The trial.
      beat: Called at every sign of progress.

    Returns:
      The outcome; a failure is one too.
    """
    began, worked = self._clock(), time.process_time()
    try:
      with contextlib.ExitStack() as stack:
        if self.config.data.cache:
          stack.enter_context(self._images.used())
        found = self._run(job, beat)
    except _MEMORY_ERRORS as error:
      if errors.NO_SPACE in str(error):  # of a file, not of the device
        raise
      found = outcome.Outcome(job.key, failure=outcome.OUT_OF_MEMORY)
    except errors.UserError as error:
      found = outcome.Outcome(job.key, failure=str(error))
    finally:
      tf.keras.backend.clear_session()
      gc.collect()
    return dataclasses.replace(
      found,
      seconds=self._clock() - began,
      device=_device(),
      code=self._code,
      data=dataset_info.digest(self.config.data.dir),
      cpu_seconds=time.process_time() - worked,
    )

  def _run(self, job: job_lib.Job, beat: Callable[[], None]) -> outcome.Outcome:
    began = self._clock()
    config = config_of(self.config, job)
    beat()
    data = config.data
    errors.require(
      job.purpose != job_lib.FINAL or data.held_out_fraction or data.val_split,
      NO_UNSEEN,
    )
    _, info = session.begin(config)
    teacher = self._teacher(info, config.runtime.seed)
    times, losses, begun = [began], (), inherited.Begun()

    def note() -> None:
      times.append(self._clock())
      beat()

    if job.fidelity.is_trained:
      make_batches = functools.partial(_batches, config, job, info)
      begun = inherited.begin(config, job, info, make_batches, beat, teacher)
      model = _trainer(begun.network, config, job, info, teacher)
      beat()
      losses = _train(model, make_batches(), job, note)
    else:
      model = self._predicted(config, job, info, note)
      note()
    if losses is None:
      return outcome.Outcome(job.key, failure=outcome.NAN)
    scores, measured = self._scores(model, config, job, info, beat)
    if job.keeps_weights:
      inherited.keep(model, job)
    steps = np.diff(times)
    spent = costs.of(config, job.genotype, info.num_classes, self._latencies)
    if teacher is not None:
      measure = functools.partial(self._accuracy, teacher, config, job, info)
      images = job_lib.FINAL if job.purpose == job_lib.FINAL else job_lib.SEARCH
      spent |= teacher.judged(
        spent, scores['miou'], images, lambda: measure(images, beat)
      )
    errors.require(
      set(config.search.objectives) <= {*scores, *spent},
      'the latency table does not cover F ='
      f' {config.network.filter_multiplier:g}',
    )
    found = outcome.Outcome(
      job.key,
      {**scores, **({'loss_sum': sum(losses)} if losses else {}), **spent},
      start_seconds=float(steps[0]),
      step_seconds=float(np.median(steps[1:])) if len(steps) > 1 else 0.0,
      score_seconds=self._clock() - times[-1],
      losses=losses,
      class_iou=dict(zip(measured.class_names, measured.class_iou.tolist())),
      constant=_constant(measured),
      approximate=begun.approximate,
      distil_losses=begun.distil_losses,
    )
    if not np.isfinite(list(scores.values())).all():
      return dataclasses.replace(found, scores=None, failure=outcome.NAN)
    return found

  def _teacher(
    self, info: dataset_info.DatasetInfo, seed: int
  ) -> taught.Taught | None:
    """Of the study; None where there is none.

    The first trial of a process builds it and seeds again, so that it has the
    random numbers that it would have had later.
    """
    if self._taught is None and students.is_asked_for(self.config):
      self._taught = taught.Taught(self.config, info, self._latencies)
      tf.keras.utils.set_random_seed(seed)
    return self._taught

  def _accuracy(
    self,
    teacher: taught.Taught,
    config: config_lib.Config,
    job: job_lib.Job,
    info: dataset_info.DatasetInfo,
    images: str,
    beat: Callable[[], None],
  ) -> float:
    """The teacher's mIoU on the images of a purpose, as it was trained."""
    model = trainer.Trainer(
      teacher.network, config.train, 1, ignore_label=info.ignore_label
    )
    job = job._replace(purpose=images)
    return self._scores(model, config, job, info, beat)[0]['miou']

  def _scores(
    self,
    model: trainer.Trainer,
    config: config_lib.Config,
    job: job_lib.Job,
    info: dataset_info.DatasetInfo,
    beat: Callable[[], None],
  ) -> tuple[dict[str, float], scores_lib.Scores]:
    """What `_score` gives, on the images that the job's purpose says."""
    data = config.data
    unseen = None
    if job.purpose != job_lib.SEARCH:
      unseen = val_batches.make(data, info)
    if job.purpose == job_lib.FINAL:
      return _score(model, unseen, info, beat)
    half_b = input_pipeline.eval_dataset(
      data.dir, data.train_split, info, data.pipeline(), subset='b'
    )
    scores, measured = _score(model, half_b, info, beat)
    if unseen is not None:
      also, _ = _score(model, unseen, info, beat)
      scores |= {
        f'{outcome.UNSEEN}{name}': value for name, value in also.items()
      }
    return scores, measured


def _score(
  model: trainer.Trainer,
  batches: tf.data.Dataset,
  info: dataset_info.DatasetInfo,
  beat: Callable[[], None],
) -> tuple[dict[str, float], scores_lib.Scores]:
  """Cross-entropy and mIoU of images, and what else their pixels tell.

  Args:
    model: As it is trained; the averages of its weights are measured.
    batches: Of images float32 [B, H, W, 3] and labels int32 [B, H, W].
    info: The description of the data.
    beat: Called after each batch.
  """
  step = tf.function(
    model.test_step,
    # One trace, whatever the size of the last batch.
    input_signature=[batches.element_spec],
    autograph=False,
  )
  model.reset_metrics()
  with model.averaged():
    model.recalibrate()
    for batch in batches:
      logs = step(batch)
      beat()
  names = info.class_names or tuple(map(str, range(info.num_classes)))
  confusion = np.asarray(model.val_metric.total_cm)
  return (
    {'cross_entropy': float(logs['loss']), 'miou': float(logs['miou'])},
    scores_lib.Scores(names, confusion, 0, 0),
  )


def config_of(config: config_lib.Config, job: job_lib.Job) -> config_lib.Config:
  """The settings of the training that a trial is."""
  scale = job.fidelity.image_scale
  data = config.data
  if scale != 1:
    crop = tuple(max(33, round((n - 1) * scale) + 1) for n in data.crop_size)
    data = dataclasses.replace(
      data, image_scale=data.image_scale * scale, crop_size=crop
    )
  return dataclasses.replace(
    config,
    data=data,
    network=dataclasses.replace(
      config.network, filter_multiplier=job.filter_multiplier
    ),
    train=dataclasses.replace(
      config.train,
      epochs=1,
      steps_per_epoch=job.fidelity.steps,
      val_every_epochs=1,
    ),
    runtime=dataclasses.replace(config.runtime, seed=job.seed),
  )


def _batches(
  config: config_lib.Config, job: job_lib.Job, info: dataset_info.DatasetInfo
) -> tf.data.Dataset:
  """What a trial is trained on, without an end."""
  return input_pipeline.train_dataset(
    config.data.dir,
    config.data.train_split,
    info,
    config.data.pipeline(config.runtime.seed),
    subset=_trained_half(job),
  )


def _trained_half(job: job_lib.Job) -> str | None:
  return None if job.purpose == job_lib.FINAL else 'a'


def _trainer(
  network: inherited.Network,
  config: config_lib.Config,
  job: job_lib.Job,
  info: dataset_info.DatasetInfo,
  teacher: taught.Taught | None,
) -> trainer.Trainer:
  """As a training has it."""
  model = trainer.Trainer(
    network,
    config.train,
    job.fidelity.steps,
    class_weights.compute(config.train, info, config.data.train_split),
    info.ignore_label,
    soft_labels=teacher and teacher.soft_labels,
  )
  steps = job.fidelity.steps
  count = recalibration.num_batches(
    config.train.recalibration_batches, config.data, info, steps, steps
  )
  model.recalibration = recalibration.from_config(
    config, info, network, count, subset=_trained_half(job)
  )
  return model


def _train(
  model: trainer.Trainer,
  batches: tf.data.Dataset,
  job: job_lib.Job,
  note: Callable[[], None],
) -> tuple[float, ...] | None:
  """Losses of the steps; None if one is not finite.

  Args:
    model: What is trained.
    batches: Endless.
    job: Says how many steps to take.
    note: Called after each step.
  """
  step = tf.function(
    lambda iterator: model.train_step(next(iterator)), autograph=False
  )
  iterator = iter(batches)
  losses = []
  for _ in range(job.fidelity.steps):
    model.reset_metrics()  # so that the loss is that of the step
    logs = step(iterator)
    if int(logs[step_guard.NAME]):
      return None
    losses.append(float(logs['loss']))
    note()
  return tuple(losses)


def _constant(measured: scores_lib.Scores) -> dict[str, str | float]:
  """What a prediction that does not look at the image would score."""
  best = measured.constant
  if best is None:
    return {}
  entropy = scipy.stats.entropy(measured.confusion.sum(1))
  return {**dataclasses.asdict(best), 'cross_entropy': float(entropy)}


@functools.cache
def _device() -> str:
  gpus = tf.config.list_physical_devices('GPU')
  if not gpus:
    return latency.cpu_model()
  details = tf.config.experimental.get_device_details(gpus[0])
  return details.get('device_name', 'GPU')
