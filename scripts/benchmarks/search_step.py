"""A step of the search, on random images, as a case."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from benchmarks import case as case_lib
from benchmarks import in_turn
from deeplab_nas.config import config as config_lib
from deeplab_nas.runtime import tensorflow_setup

# A step of the weights, one of the strategy, and `train_step`, which does both;
# a step of the weights and then a `train_step`, for the ratio of the two; and a
# step of all weights and then one of a sample's, as strategies by paths take.
KINDS = ('weight', 'arch', 'both', 'in_turn', 'sampled')
_BY_PATHS = 'gdas'
_IGNORE_LABEL = 255
_IGNORED_SHARE = 0.1
# Of the learning rate's schedule only.
_STEPS_PER_EPOCH = 1000


def sizes(config: config_lib.Config) -> dict[str, Any]:
  """The settings that the work of a step grows with."""
  return {
    'num_layers': config.space.num_layers,
    'filter_multiplier': config.space.filter_multiplier,
    'num_blocks': config.space.num_blocks,
    'primitives': config.space.primitives,
    'crop_size': list(config.data.crop_size),
    'batch_size': config.data.batch_size,
  }


def build(
  kind: str, num_classes: int, config: str, overrides: Sequence[str]
) -> case_lib.Job:
  """The compiled step of a `Searcher`, or two of them in turn.

  Args:
    kind: One of `KINDS`.
    num_classes: Channels of the logits.
    config: A preset or a YAML file.
    overrides: Settings on top, `section.key=value`.
  """
  if kind == 'sampled':
    overrides = [f'search.strategy={_BY_PATHS}', *overrides]
  config = config_lib.load(config, overrides)
  tensorflow_setup.prepare(config.runtime, optimizes_graphs=False)
  searcher = _searcher(config, num_classes)
  batch = _random_batch(config, num_classes)
  if kind == 'sampled':
    return _full_and_sampled(searcher, batch, config)
  if kind != 'in_turn':
    return _job(kind, searcher, batch, config)
  jobs = {
    name: _job(name, searcher, batch, config) for name in ('weight', 'both')
  }
  turns = in_turn.InTurn({name: job.step for name, job in jobs.items()})
  return case_lib.Job(turns.step, lambda: {**sizes(config), **turns.facts()})


def _job(
  kind: str, searcher, batch: tuple, config: config_lib.Config
) -> case_lib.Job:
  """One compiled step."""
  import tensorflow as tf

  from benchmarks import graph_cost

  images = config.data.batch_size
  if kind == 'both':
    step, batch, images = searcher.train_step, (batch, batch), 2 * images
  elif kind == 'arch':
    step = functools.partial(searcher.arch_step, batch)
  else:
    step = searcher.weight_step
  compiled = tf.function(step)
  losses = []

  def run() -> None:
    result = compiled(batch)
    loss = result['loss'] if kind == 'both' else result
    losses.append(float(loss))  # waits for it

  def facts() -> dict[str, Any]:
    cost = graph_cost.count(compiled.get_concrete_function(batch))
    return {
      'images': images,
      **sizes(config),
      **cost.facts(),
      'first_loss': losses[0],
    }

  return case_lib.Job(run, facts)


def _full_and_sampled(
  searcher, batch: tuple, config: config_lib.Config
) -> case_lib.Job:
  """Both weight steps of the same samples; the first round starts them."""
  import tensorflow as tf

  def compiled(samples_paths: bool) -> Callable[[], object]:
    @tf.function(autograph=False)
    def step(batch):
      searcher.samples_paths = samples_paths  # while this is traced
      return searcher.weight_step(batch)

    return lambda: float(step(batch))

  turns = in_turn.InTurn({'full': compiled(False), 'sampled': compiled(True)})

  def facts() -> dict[str, Any]:
    first = turns.rounds[0]
    return {
      **sizes(config),
      **turns.facts(),
      **{f'{name}_first_seconds': first[name] for name in first},
      'sampled_first_to_full_first': first['sampled'] / first['full'],
    }

  return case_lib.Job(turns.step, facts)


def _searcher(config: config_lib.Config, num_classes: int):
  """A search at its start, whose strategy may step at once."""
  from deeplab_nas.search import strategies
  from deeplab_nas.search.relaxed import searcher as searcher_lib

  searcher = searcher_lib.Searcher(
    config.space.build(),
    num_classes,
    config.search,
    _STEPS_PER_EPOCH,
    ignore_label=_IGNORE_LABEL,
    seed=config.runtime.seed,
    settings=strategies.settings(config),
  )
  searcher.compile(searcher.weight_optimizer)
  searcher.arch_start_step.assign(0)
  return searcher


def _random_batch(config: config_lib.Config, num_classes: int) -> tuple:
  """Images float32 [B, H, W, 3] and labels int32 [B, H, W], some ignored."""
  import numpy as np
  import tensorflow as tf

  rng = np.random.default_rng(config.runtime.seed)
  shape = config.data.batch_size, *config.data.crop_size
  images = rng.uniform(0, 255, [*shape, 3])
  labels = rng.integers(num_classes, size=shape)
  labels[rng.uniform(size=shape) < _IGNORED_SHARE] = _IGNORE_LABEL
  return tf.constant(images, tf.float32), tf.constant(labels, tf.int32)
