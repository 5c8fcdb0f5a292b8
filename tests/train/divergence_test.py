"""A loss that is no number ends the run, and says what to change."""

import pytest

from deeplab_nas import errors
from deeplab_nas.train import divergence


@pytest.mark.parametrize('loss', [float('nan'), float('inf')])
def test_a_loss_that_is_no_number_is_refused(loss):
  with pytest.raises(errors.UserError) as caught:
    divergence.Divergence('train').on_epoch_end(
      2, {'loss': loss, 'learning_rate': 0.05}
    )
  sentence = str(caught.value)
  assert f'the loss of epoch 3 is {loss} at learning rate 0.05' in sentence
  assert 'a lower train.learning_rate' in sentence
  assert 'train.gradient_clip' in sentence


@pytest.mark.parametrize(
  'logs', [None, {}, {'loss': 3.0}, {'loss': 1.0, 'arch_loss': float('nan')}]
)
def test_others_pass(logs):
  divergence.Divergence('search').on_epoch_end(0, logs)
