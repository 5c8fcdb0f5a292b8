"""What this machine can learn is found out, and the rest refused."""

import pytest
import tensorflow as tf

from deeplab_nas import errors
from deeplab_nas.nn.kernels import conv_gradients


@pytest.mark.parametrize('kind', [{}, {'groups': 2}, {'rate': 2}])
def test_the_package_brings_those_of_float32(kind):
  assert conv_gradients.exist(**kind)


@pytest.mark.parametrize(
  'error', ['InvalidArgumentError', 'UnimplementedError']
)
def test_what_tensorflow_refuses_does_not_exist(monkeypatch, error):
  def refuse(*_, **__):
    raise getattr(tf.errors, error)(None, None, 'no kernel')

  monkeypatch.setattr(tf.nn, 'conv2d', refuse)
  assert not conv_gradients.exist.__wrapped__()


def test_what_exists_is_allowed():
  assert conv_gradients.exist()
  assert conv_gradients.require('search.precision', 'float32') is None


@pytest.mark.parametrize(
  'precision, sentence',
  [
    ('float32', 'in float32 on this machine: .* set TF_ENABLE_ONEDNN_OPTS=1'),
    ('mixed_bfloat16', 'in bfloat16 on this machine: set a.b=float32'),
    ('mixed_float16', 'in float16 on this machine: set a.b=float32'),
  ],
)
def test_what_does_not_exist_is_refused(monkeypatch, precision, sentence):
  monkeypatch.setattr(conv_gradients, 'exist', lambda *_, **__: False)
  with pytest.raises(errors.UserError, match=sentence):
    conv_gradients.require('a.b', precision)
