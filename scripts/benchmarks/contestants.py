"""What takes part in a race: a strategy, its settings, lengths of trials."""

from __future__ import annotations

import dataclasses
from typing import Any

from deeplab_nas import errors, safe_yaml
from deeplab_nas.config import config as config_lib
from deeplab_nas.config import strategies as config_strategies
from deeplab_nas.search import strategies
from deeplab_nas.search.trials import strategy
from deeplab_nas.search.trials.compression import students

_STEPS = 'trial_steps'


@dataclasses.dataclass(frozen=True)
class Contestant:
  """A strategy by trials.

      Contestant.parse('halving:reduction=3:trial_steps=100+400')

  Attributes:
    text: As it was written, its name in a race.
    name: Of the strategy.
    settings: Its own section.
    trial_steps: Of the lengths that there are, those it may use; None for the
      full one alone, as in searches.
  """

  text: str
  name: str
  settings: Any
  trial_steps: tuple[int, ...] | None = None

  @classmethod
  def parse(cls, text: str) -> Contestant:
    """Reads a name, and after colons settings of its own section.

    Args:
      text: 'NAME:KEY=VALUE:...'. 'trial_steps=100+400' is of all strategies.

    Raises:
      UserError: If there is no such strategy or setting, or it trains no
        networks of its own.
    """
    name, *pairs = text.split(':')
    errors.require(
      strategies.is_by_trials(name),
      f'{name} trains no networks of its own: only those that do can race.',
    )
    values, steps = {}, None
    for pair in pairs:
      key, equals, value = pair.partition('=')
      errors.require(bool(equals), f'{text}: expected KEY=VALUE, not {pair!r}.')
      if key == _STEPS:
        steps = _whole_numbers(value)
      else:
        values[key] = _parsed(pair, value)
    settings: dict[str, dict[str, Any]] = {'search': {'strategy': name}}
    section = strategies.entry(name).section
    errors.require(
      not values or section in config_strategies.SECTIONS,
      f'{text}: {name} has no settings of its own.',
    )
    if values:
      settings.setdefault(section, {}).update(values)
    config = config_lib.Config.from_dict(settings)
    errors.require(
      _only_trains(config),
      f'{name} cannot race: made-up losses and tables have neither a'
      ' hypernetwork to score by nor a teacher to compress.',
    )
    return cls(text, name, getattr(config, section), steps)

  def study(self, study: strategy.Study) -> strategy.Study:
    """The task as this contestant sees it.

    Raises:
      UserError: If there are no trials as long as it wants.
    """
    known = {fidelity.steps: fidelity for fidelity in study.fidelities}
    wanted = self.trial_steps or tuple(known)[-1:]
    unknown = [steps for steps in wanted if steps not in known]
    errors.require(
      not unknown and wanted[-1:] == tuple(known)[-1:],
      f'{self.text}: trials have {", ".join(map(str, known))} steps here; name'
      ' some of these, the last one among them.',
    )
    return dataclasses.replace(
      study, fidelities=tuple(known[steps] for steps in wanted)
    )

  def build(self, study: strategy.Study) -> strategy.TrialStrategy:
    """The strategy, for one study."""
    return strategies.load(self.name)(self.study(study), self.settings)


def everyone() -> list[str]:
  """The names of all strategies whose trials are trainings.

  Without what compresses a network: there is none to compress.
  """
  by_trials = filter(strategies.is_by_trials, strategies.STRATEGIES)
  return [
    name
    for name in by_trials
    if _only_trains(config_lib.Config.from_dict({'search': {'strategy': name}}))
  ]


def _only_trains(config: config_lib.Config) -> bool:
  if students.is_asked_for(config):
    return False
  chosen = strategies.load(config.search.strategy)
  found = chosen.fidelities(config.search, strategies.settings(config))
  return all(fidelity.is_trained for fidelity in found)


def _parsed(pair: str, value: str) -> Any:
  try:
    return safe_yaml.parse(value)
  except ValueError as error:
    raise errors.UserError(f'{pair}: {error}.') from error


def _whole_numbers(text: str) -> tuple[int, ...]:
  try:
    return tuple(sorted({int(part) for part in text.split('+')}))
  except ValueError as error:
    raise errors.UserError(
      f'{_STEPS}={text}: expected whole numbers, such as 100+400.'
    ) from error
