"""Settings of the loss, the same ones in a search and in a training.

`search.loss` and `train.loss` are independent: a search may learn with class
weights and the training of what it found without.
"""

from __future__ import annotations

import dataclasses

from deeplab_nas import checked_fields, errors

_field = checked_fields.field

# Means over pixels, and ratios of sums over all pixels of a batch.
PIXELWISE = ('cross_entropy', 'focal')
REGIONAL = ('dice', 'tversky', 'lovasz')

# Settings that only some losses, or some class weights, have a use for.
_NEEDS = {
  'focal_gamma': ('loss', ('focal',)),
  'tversky_alpha': ('loss', ('tversky',)),
  'tversky_beta': ('loss', ('tversky',)),
  'ohem_fraction': ('loss', PIXELWISE),
  'ohem_ramp_steps': ('loss', PIXELWISE),
  'label_smoothing': ('loss', PIXELWISE),
  'effective_number_beta': ('class_weights', ('effective_number',)),
}


@dataclasses.dataclass(frozen=True)
class LossConfig(checked_fields.Section):
  """What a step minimises; g3doc/training.md has the formulas.

  Attributes:
    loss: 'cross_entropy', 'focal', 'dice', 'tversky', 'lovasz', or the sum of
      several, such as 'cross_entropy+dice'.
    class_weights: 'none'; 'inverse', 'sqrt_inverse', 'median_frequency' or
      'effective_number', from the pixels of the training split; or a file with
      one number per class.
    effective_number_beta: Pixels of a class count fully up to about
      1 / (1 - beta) of them, and hardly beyond.
    focal_gamma: How much less a pixel counts that is nearly right; 0 is
      cross-entropy. The paper's is 2.
    tversky_alpha: Price of a false positive.
    tversky_beta: Price of a false negative; with 0.5 for both the loss is Dice.
      The paper's are 0.3 and 0.7.
    ohem_fraction: Share of the pixels, those of the highest loss, that count:
      hard pixel mining, top_k_percent_pixels in DeepLab.
    ohem_ramp_steps: Steps in which that share falls from 1 to `ohem_fraction`,
      hard_example_mining_step in DeepLab; 0 begins with `ohem_fraction`.
    label_smoothing: Share of the label that is spread over all classes.
  """

  loss: str = _field('cross_entropy', str)
  class_weights: str = _field('none', str, is_path=True)
  effective_number_beta: float = _field(0.999999, float, low=0, below=1)
  focal_gamma: float = _field(2.0, float, low=0, high=100)
  tversky_alpha: float = _field(0.3, float, low=0, high=100)
  tversky_beta: float = _field(0.7, float, low=0, high=100)
  ohem_fraction: float = _field(1.0, float, above=0, high=1)
  ohem_ramp_steps: int = _field(0, int, low=0)
  label_smoothing: float = _field(0.0, float, low=0, below=1)

  def __post_init__(self):
    super().__post_init__()
    parts = [part.strip() for part in self.loss.split('+')]
    known = PIXELWISE + REGIONAL
    if not set(parts) <= set(known) or len(set(parts)) < len(parts):
      raise errors.UserError(
        f'{self.NAME}.loss is {checked_fields.short(self.loss)}, expected one'
        f' of {", ".join(known)}, or several different ones with + between'
        ' them, such as cross_entropy+dice.'
      )
    object.__setattr__(self, 'loss', '+'.join(parts))
    self._require_uses()
    if 'tversky' in parts and not self.tversky_alpha + self.tversky_beta:
      raise errors.UserError(
        f'{self.NAME}.tversky_alpha and {self.NAME}.tversky_beta are both 0, so'
        ' that no mistake costs anything: set one of them above 0.'
      )

  @property
  def loss_parts(self) -> tuple[str, ...]:
    """The losses that are summed."""
    return tuple(self.loss.split('+'))

  def _require_uses(self) -> None:
    """Raises a UserError if a setting was changed that nothing will read."""
    for item in dataclasses.fields(LossConfig):
      if item.name not in _NEEDS:
        continue
      setting, users = _NEEDS[item.name]
      value = getattr(self, item.name)
      chosen = getattr(self, setting)
      if value != item.default and not set(chosen.split('+')) & set(users):
        raise errors.UserError(
          f'{self.NAME}.{item.name} is {value:g}, which {self.NAME}.{setting}='
          f'{checked_fields.short(chosen)} makes no use of: leave it out, or'
          f' let {self.NAME}.{setting} have {" or ".join(users)}.'
        )
