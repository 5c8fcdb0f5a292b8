"""Settings of how a search decides.

The defaults are the paper's where it says.

Reference:
  Auto-DeepLab, Sec. 5.1, https://arxiv.org/abs/1901.02985
"""

from __future__ import annotations

import dataclasses
import re
from typing import ClassVar

from deeplab_nas import checked_fields, commands, errors
from deeplab_nas.config import loss as config_loss
from deeplab_nas.config import strategies as config_strategies
from deeplab_nas.space import widest

_field = checked_fields.field
_SECONDS = {'s': 1, 'm': 60, 'h': 3600}
_LONGEST = 366 * 24 * 3600
# Of a study that has neither a number of trials nor a budget of time.
DEFAULT_TRIALS = 20
# Of `budget`, the most that trainings with fresh seeds may take.
FINAL_SHARE = 0.25
_MEASURES = (*widest.MEASURES, widest.LATENCY)
# Of a compression, which `esnac` alone makes.
REWARD = 'reward'
_OBJECTIVES = (
  'cross_entropy',
  'miou',
  'loss_sum',
  REWARD,
  *_MEASURES,
  'activation_mb',
)
# What both families of strategies read, and what only those by trials do.
_OF_BOTH = ('strategy', 'latency_table')
_OF_TRIALS = (
  'num_trials',
  'budget',
  'budget_clock',
  'parallel_trials',
  'trial_steps',
  'trial_timeout',
  'cluster',
  'trial_budget',
  'trial_measure',
  'final_seeds',
  'objectives',
)
# Of Adam on alpha and beta, and of what else pulls at them.
_OF_LOGITS = (
  'arch_learning_rate',
  'arch_weight_decay',
  'arch_beta_1',
  'arch_beta_2',
  'arch_init_stddev',
  'cost_weight',
  'cost_rate',
  'cost_sharpness',
  'cost_floor',
  'cost_alpha_scale',
  'cost_beta_scale',
)
_WITHOUT_LOGITS = ('enas', 'perturbation', 'single_path')


@dataclasses.dataclass(frozen=True)
class SearchConfig(config_loss.LossConfig):
  """How the search decides: SGD for weights, Adam for the architecture.

  The settings of the loss, of both, are those of `LossConfig`.

  Attributes:
    strategy: A name in `deeplab_nas/search/strategies.py`; what each is and
      when to take it is in g3doc/strategies.md. Settings that only one of them
      has are in the section of its name.
    epochs: Passes over half A of the training split.
    steps_per_epoch: Steps per epoch; null for one pass over half A.
    learning_rate: Of the weights, at the start of the cosine.
    end_learning_rate: Of the weights, at its end.
    momentum: Of the weights.
    weight_decay: Of the weights.
    gradient_clip: Largest global norm of the weights' gradient; null for none.
      DARTS clips at 5, the paper does not say.
    arch_start_epoch: Epochs that train weights alone, before alpha and beta.
    arch_learning_rate: Of alpha and beta, and of gamma where there is one.
    arch_weight_decay: Likewise.
    arch_beta_1: Adam's first decay. The paper gives no decays; 0.5 and 0.999
      are those of DARTS.
    arch_beta_2: Adam's second decay.
    arch_init_stddev: Their standard deviation at the start.
    decode: The score of a path when the architecture is read off: 'ratio', the
      sum of log(p * number of moves out of the node), or 'product', the sum of
      log p, the paper's; see g3doc/strategies.md.
    recalibration_batches: Batches of whole images of half A, of 8 at most, over
      which the supernet's statistics of batch norm are taken anew before each
      validation, with the weights fixed; 0 measures with the moving ones. Null
      for as many as take about a tenth of the time, 1 to 20, in searches of
      fewer than 20,000 steps, and for 0 in longer ones.
    recompute: Whether the supernet keeps the inputs of its nodes alone and
      computes the rest again for the gradient; see g3doc/performance.md.
    precision: Of the supernet's states and convolutions; all else is float32.
    num_trials: Trainings of a strategy that trains networks of their own; null
      for as many as fit into `budget`.
    budget: Time of a study, such as '30m', '2h' or '90s'; '' for no limit. The
      time of earlier sessions counts.
    budget_clock: What `budget` is of: 'wall', or 'processor' for the seconds of
      all processors that trials computed on.
    parallel_trials: Trainings at a time.
    trial_steps: Steps of a training, from the shortest to a full one.
    trial_timeout: Seconds without a step after which a training counts as hung.
    cluster: Where trainings run: '' for this machine, else the address of a Ray
      cluster, HOST:PORT or 'auto'; see g3doc/running.md.
    trial_budget: The most that an architecture may cost, by `trial_measure`; it
      is trained as wide as that allows. Null for the median of the space at
      `network.filter_multiplier`.
    trial_measure: What is equal among trials: 'cell_macs' (multiply-adds of the
      cells), 'macs', 'params', 'activation_bytes' or, with a `latency_table`,
      'latency_ms'.
    latency_table: File of this machine's latencies, as `measure_latency` writes
      it, from which trials get a 'latency_ms'; '' for none.
    final_seeds: Seeds with which a study trains what it found, and the best
      random architecture that it tried, again at its end; fewer where they
      would take more than a quarter of `budget`, 0 for none.
    objectives: Scores that decide, the first one where there can be only one:
      'cross_entropy', 'miou', 'loss_sum' (of the steps of a training: Ru et
      al., Speedy performance estimation for neural architecture search, Eq. 1,
      https://arxiv.org/abs/2006.04492), what `trial_measure` may be, or
      'activation_mb'. `nsga2` and `lemonade` look for the Pareto front of
      several. Null for 'reward' with `esnac`, which alone has it, and for
      'cross_entropy' with all others.
    cost_budget: The most that the architecture of a search by gradients may
      cost, by `cost_measure`, as a network of `network.filter_multiplier` for
      images of the crop's size. Its mean joins the loss of alpha and beta, and
      the architecture is read off within it. Null for no limit; see
      g3doc/strategies.md.
    cost_measure: What is limited, as `trial_measure`; for images of the table's
      size if it is 'latency_ms'.
    cost_weight: How hard the loss is pulled at once, by the share in which the
      budget is exceeded.
    cost_rate: How fast the multiplier grows, by the same share in each step and
      in units of `arch_learning_rate`.
    cost_sharpness: Of the distribution of architectures whose mean counts,
      exp(sharpness * score); the higher, the nearer to what is read off.
    cost_floor: Where between the cheapest architecture (0) and the budget (1)
      the mean is kept from falling further; a budget above what even weights
      cost counts as that.
    cost_alpha_scale: Of the costs' gradient for alpha.
    cost_beta_scale: Of the costs' gradient for beta; 0 leaves the path alone.
  """

  NAME: ClassVar[str] = 'search'

  strategy: str = _field('first_order', str)
  epochs: int = _field(40, int, low=1)
  steps_per_epoch: int | None = _field(None, int, low=1, optional=True)
  learning_rate: float = _field(0.025, float, above=0)
  end_learning_rate: float = _field(0.001, float, low=0)
  momentum: float = _field(0.9, float, low=0, below=1)
  weight_decay: float = _field(3e-4, float, low=0)
  gradient_clip: float | None = _field(None, float, above=0, optional=True)
  arch_start_epoch: int = _field(20, int, low=0)
  arch_learning_rate: float = _field(3e-3, float, above=0)
  arch_weight_decay: float = _field(1e-3, float, low=0)
  arch_beta_1: float = _field(0.5, float, low=0, below=1)
  arch_beta_2: float = _field(0.999, float, low=0, below=1)
  arch_init_stddev: float = _field(1e-3, float, low=0)
  decode: str = _field('ratio', str, choices=('ratio', 'product'))
  recalibration_batches: int | None = _field(None, int, low=0, optional=True)
  recompute: bool = _field(True, bool)
  precision: str = _field('float32', str, choices=('float32', 'mixed_bfloat16'))
  num_trials: int | None = _field(None, int, low=1, optional=True)
  budget: str = _field('', str)
  budget_clock: str = _field('wall', str, choices=('wall', 'processor'))
  parallel_trials: int = _field(2, int, low=1)
  trial_steps: tuple[int, ...] = _field((400,), int, low=1, many=True)
  trial_timeout: float = _field(600.0, float, above=0)
  cluster: str = _field('', str)
  trial_budget: float | None = _field(None, float, above=0, optional=True)
  trial_measure: str = _field('cell_macs', str, choices=_MEASURES)
  latency_table: str = _field('', str, is_path=True)
  final_seeds: int = _field(3, int, low=0, high=10)
  objectives: tuple[str, ...] = _field(
    None, str, choices=_OBJECTIVES, many=True, optional=True
  )
  cost_budget: float | None = _field(None, float, above=0, optional=True)
  cost_measure: str = _field('cell_macs', str, choices=_MEASURES)
  cost_weight: float = _field(1.0, float, low=0)
  cost_rate: float = _field(3.0, float, low=0)
  cost_sharpness: float = _field(10.0, float, above=0, high=15)
  cost_floor: float = _field(0.5, float, low=0, below=1)
  cost_alpha_scale: float = _field(1.0, float, low=0)
  cost_beta_scale: float = _field(1.0, float, low=0)

  def __post_init__(self):
    super().__post_init__()
    self._decide_objectives()
    self.budget_seconds()  # says what is wrong with it
    if list(self.trial_steps) != sorted(set(self.trial_steps)):
      raise errors.UserError(
        f'search.trial_steps is {list(self.trial_steps)}, expected ascending'
        ' numbers of steps.'
      )
    errors.require(
      widest.LATENCY
      not in (self.trial_measure, self.cost_measure, *self.objectives)
      or bool(self.latency_table),
      'latency_ms needs the latencies of this machine: give'
      ' search.latency_table=FILE, which'
      f' {commands.name("measure_latency")} writes.',
    )
    errors.require(
      self.cost_budget is None
      or self.strategy not in config_strategies.BY_TRIALS,
      'search.cost_budget is for searches by gradients; with'
      f' search.strategy={self.strategy} it is search.trial_budget that limits'
      ' what an architecture costs.',
    )
    kinds = {name.replace('_mb', '_bytes') for name in self.objectives}
    errors.require(
      len(kinds) == len(self.objectives),
      f'search.objectives is {list(self.objectives)}, expected each score once:'
      ' leave out what is there twice.',
    )
    self.require_at_most('end_learning_rate', 'learning_rate')
    self._check_arch_start_epoch()

  def _check_arch_start_epoch(self) -> None:
    if self.strategy in config_strategies.BY_TRIALS:
      return
    if self.strategy == 'single_path':  # decides after its epochs
      self.require_at_most('arch_start_epoch', 'epochs')
      return
    errors.require(
      self.arch_start_epoch < self.epochs,
      f'search.arch_start_epoch is {self.arch_start_epoch}, expected less'
      f' than search.epochs, which is {self.epochs}: otherwise alpha and'
      ' beta would never be trained.',
    )

  def _decide_objectives(self) -> None:
    """What null stands for, and what a compression alone has or lacks."""
    compresses = self.strategy == config_strategies.EsnacConfig.NAME
    if self.objectives is None:
      chosen = REWARD if compresses else 'cross_entropy'
      object.__setattr__(self, 'objectives', (chosen,))
    errors.require(
      compresses or REWARD not in self.objectives,
      f'search.objectives has {REWARD}, which is that of a compression: set'
      ' search.strategy=esnac, or leave it out.',
    )
    errors.require(
      not compresses or self.trial_budget is None,
      'search.trial_budget is for searches of networks of one cost; with'
      ' search.strategy=esnac it is esnac.share of what the teacher costs:'
      ' leave search.trial_budget out.',
    )

  def reads(self, key: str) -> bool:
    """Whether the strategy reads a setting of this section."""
    if key in _OF_LOGITS and self.strategy in _WITHOUT_LOGITS:
      return False
    is_by_trials = self.strategy in config_strategies.BY_TRIALS
    return key in _OF_BOTH or (key in _OF_TRIALS) == is_by_trials

  def require_reads(self, key: str) -> None:
    """Refuses a setting of this section that would change nothing."""
    if self.strategy in _WITHOUT_LOGITS and key not in _OF_TRIALS:
      why = (
        f'is of searches that learn alpha and beta, which search.strategy='
        f'{self.strategy} does not have: leave it out.'
      )
    else:
      by, example = 'by gradients', SearchConfig.strategy
      if key in _OF_TRIALS:
        by, example = 'by trials', config_strategies.HalvingConfig.NAME
      why = (
        f'is a setting of searches {by}, but search.strategy is'
        f' {self.strategy}: set one of these, such as search.strategy='
        f'{example}, or leave search.{key} out.'
      )
    errors.require(self.reads(key), f'search.{key} {why}')

  def budget_seconds(self) -> float | None:
    """The time of a study; None for no limit."""
    text = self.budget.strip()
    if not text:
      return None
    found = re.fullmatch(r'([0-9]+(?:\.[0-9]+)?)\s*([smh])', text)
    seconds = found and float(found[1]) * _SECONDS[found[2]]
    if not seconds or seconds > _LONGEST:
      raise errors.UserError(
        f'search.budget is {checked_fields.short(self.budget)}, expected a time'
        " such as '90s', '30m' or '2h'."
      )
    return seconds
