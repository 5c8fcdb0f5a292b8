"""What `--config=auto` chooses of a search by trials: length and budget."""

from __future__ import annotations

import math

from deeplab_nas.config import choices as choices_lib
from deeplab_nas.config import data as config_data
from deeplab_nas.config import search as config_search
from deeplab_nas.config import strategies as config_strategies

_LEAST_MINUTES, _ROUND_MINUTES = 30, 10
# That a budget has time for, at least: a search of fewer is nearly at random.
_TRIALS = 24
_FULL_STEPS = 400
# That score a trial, at least, and the least share of all that they are.
_SCORED_IMAGES, _LEAST_SCORED = 60, 0.2
# Of a trial besides its steps, and what a step takes on one core in place of
# two.
_START_SECONDS = 15
_ONE_CORE = 1.7


def is_asked_for(choices: choices_lib.Choices) -> bool:
  """Whether the strategy trains networks of their own."""
  return choices.held('search.strategy') in config_strategies.BY_TRIALS


def choose(
  choices: choices_lib.Choices, step_seconds: float, num_images: int
) -> float:
  """Images and length of trials, and when to end.

  Args:
    choices: With the network that is trained.
    step_seconds: Of a step of a training on two cores.
    num_images: Of the training split.

  Returns:
    The seconds of the search.
  """
  held_out = choices.given('data.held_out_fraction', 0.0)
  data = config_data.DataConfig(held_out_fraction=held_out)
  num_images *= 1 - data.held_out_fraction
  share = min(max(_SCORED_IMAGES / num_images, _LEAST_SCORED), 0.5)
  choices.choose(
    'data.b_fraction',
    round(share, 2),
    'that much scores a trial, the rest trains it',
  )
  steps = choices.choose(
    'search.trial_steps',
    [_FULL_STEPS],
    'after so many, architectures differ; shorter trials were not seen to help',
  )
  at_a_time = choices.given('search.parallel_trials', 2)
  each = _START_SECONDS + steps[-1] * _ONE_CORE * step_seconds
  number = choices.given('search.num_trials', None)
  if number is None:
    left = 1 - config_search.FINAL_SHARE
    minutes = _TRIALS * each / at_a_time / left / 60
    minutes = _ROUND_MINUTES * math.ceil(minutes / _ROUND_MINUTES)
    minutes = max(_LEAST_MINUTES, minutes)
    fit = int(left * minutes * 60 / each * at_a_time)
    choices.choose(
      'search.budget',
      f'{minutes}m',
      f'time for some {fit} trials on two cores, and to train again what they'
      ' found',
    )
  budget = choices.held('search.budget') or ''
  seconds = config_search.SearchConfig(budget=budget).budget_seconds()
  if number is None and seconds is not None:
    return seconds
  again = 2 * choices.given(
    'search.final_seeds', config_search.SearchConfig.final_seeds
  )
  rounds = math.ceil((number or config_search.DEFAULT_TRIALS) / at_a_time)
  needed = (rounds + math.ceil(again / at_a_time)) * each
  return needed if seconds is None else min(needed, seconds)
