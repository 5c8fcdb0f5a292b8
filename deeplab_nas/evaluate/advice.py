"""What the scores of an evaluation say should be done, in words."""

from __future__ import annotations

import numpy as np

from deeplab_nas.config import loss as config_loss
from deeplab_nas.evaluate import score_table
from deeplab_nas.evaluate import scores as scores_lib


def sentences(
  scores: scores_lib.Scores, loss: config_loss.LossConfig
) -> list[str]:
  """Advice that applies to this evaluation; often none.

  Args:
    scores: What was measured.
    loss: The settings that the network learnt with.
  """
  if len(scores.class_names) == 1:
    return [
      'The data has one class, so that any prediction is right and these scores'
      ' say nothing: label what is not of the class as a second one.'
    ]
  missed, constant = scores.never_predicted, scores.constant
  predicted = np.flatnonzero(scores.confusion.sum(0))
  advice = []
  if missed and len(predicted) == 1:
    name = scores.class_names[predicted[0]]
    advice.append(
      f'Every pixel was predicted as {name}: the network tells nothing apart'
      f' and misses {_some(missed)}. If the training was short or its loss'
      ' still fell, train for more steps; if not, look at the labels and'
      f' the learning rate. {_rare(loss)}'
    )
  elif missed:
    advice.append(f'Never predicted: {_some(missed)}. {_rare(loss)}')
  if constant and len(predicted) != 1 and scores.miou <= constant.miou:
    advice.append(
      f'The mean IoU of {score_table.percent(scores.miou)} is not above the'
      f' {score_table.percent(constant.miou)} of {constant.name} everywhere: do'
      ' not use these predictions before you know why.'
    )
  return advice


def _rare(loss: config_loss.LossConfig) -> str:
  """What helps rare classes and was not done yet."""
  options = []
  if loss.class_weights == 'none':
    options.append(f'{loss.NAME}.class_weights=sqrt_inverse')
  if not set(loss.loss_parts) & set(config_loss.REGIONAL):
    options.append(f'{loss.NAME}.loss={loss.loss}+dice')
  if options:
    return (
      'If these classes are rare or small, train with'
      f' --set={" or --set=".join(options)}, on larger images'
      ' (data.image_scale), or with more images of them.'
    )
  return (
    'The loss already favours rare classes; what is left are larger images'
    ' (data.image_scale), more steps and more images of these classes.'
  )


def _some(names: tuple[str, ...]) -> str:
  shown = ', '.join(names[:8])
  return f'{shown} and {len(names) - 8} more' if len(names) > 8 else shown
