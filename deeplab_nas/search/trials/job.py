"""What a process needs to know to run a trial: one line of text."""

from __future__ import annotations

import hashlib
import json
import pathlib
from typing import NamedTuple

from deeplab_nas.search.trials import strategy
from deeplab_nas.space import genotype as genotype_lib

# What is trained on, and what scores: half A and half B; the same, and unseen
# images besides; both halves, and unseen images alone.
SEARCH, CONFIRM, FINAL = 'search', 'confirm', 'final'
OUTCOME = 'outcome.json'
WEIGHTS = 'weights.npz'


class Job(NamedTuple):
  """A trial to run.

  Attributes:
    number: Of the trial.
    genotype: What is trained.
    fidelity: For how long, and at which size.
    seed: Of weights, data order and augmentation.
    filter_multiplier: F, of the budget and the fidelity.
    folder: Where the outcome goes.
    purpose: 'search', 'confirm' or 'final': which images train, and which
      score.
    parent: Number of the trial whose weights it begins with, or None.
    keeps_weights: Whether its own are kept, for others to begin with.
  """

  number: int
  genotype: genotype_lib.Genotype
  fidelity: strategy.Fidelity
  seed: int
  filter_multiplier: float
  folder: pathlib.Path
  purpose: str = SEARCH
  parent: int | None = None
  keeps_weights: bool = False

  @property
  def weights(self) -> pathlib.Path:
    """The file of what it has learnt."""
    return self.folder / WEIGHTS

  @property
  def parent_weights(self) -> pathlib.Path | None:
    """Where those are that it begins with."""
    if self.parent is None:
      return None
    return folder_of(self.folder.parent, self.parent) / WEIGHTS

  @property
  def outcome(self) -> pathlib.Path:
    """The file of the outcome."""
    return self.folder / OUTCOME

  @property
  def key(self) -> str:
    """Tells the trial apart from all that differ in anything."""
    facts = self._facts()
    del facts['folder']
    text = json.dumps(facts, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]

  def to_line(self) -> str:
    """As JSON, without a line break."""
    return json.dumps(self._facts())

  @classmethod
  def from_line(cls, line: str) -> Job:
    """Reads what `to_line` has given."""
    facts = json.loads(line)
    genotype = json.dumps(facts['genotype'])
    return cls(
      facts['number'],
      genotype_lib.Genotype.from_json(genotype),
      strategy.Fidelity(**facts['fidelity']),
      facts['seed'],
      facts['filter_multiplier'],
      pathlib.Path(facts['folder']),
      facts.get('purpose', SEARCH),
      facts.get('parent'),
      facts.get('keeps_weights', False),
    )

  def _facts(self) -> dict:
    facts = {
      'number': self.number,
      'genotype': json.loads(self.genotype.to_json()),
      'fidelity': self.fidelity.to_dict(),
      'seed': self.seed,
      'filter_multiplier': self.filter_multiplier,
      'folder': str(self.folder),
    }
    if self.purpose != SEARCH:  # else keys are those of before
      facts['purpose'] = self.purpose
    if self.parent is not None:
      facts['parent'] = self.parent
    if self.keeps_weights:
      facts['keeps_weights'] = True
    return facts


def folder_of(folder: pathlib.Path, number: int) -> pathlib.Path:
  """Where a trial's outcome and weights are, in the folder of all trials."""
  return folder / f'{number:04d}'
