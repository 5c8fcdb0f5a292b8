"""Requests of every wrong kind: an error each, and the model goes on."""

from __future__ import annotations

import io
import json
import urllib.request

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deeplab_nas import errors
from deeplab_nas.serving import client, names, saved_model
from tests.serving import tiny

few = settings(
  max_examples=30,
  deadline=None,
  derandomize=True,
  database=None,
  suppress_health_check=[HealthCheck.function_scoped_fixture],
)
GOOD = tiny.encoded(tiny.photo())
FILES = [GOOD, tiny.encoded(tiny.photo(), 'JPEG')]


@pytest.fixture(scope='module')
def model(exported):
  return saved_model.load(exported)


@pytest.fixture(scope='module')
def loaded(exported):
  return tf.saved_model.load(str(exported))


@pytest.fixture(scope='module')
def expected(model):
  return model.classes_of_bytes([GOOD])[0]


@few
@given(data=st.data())
def test_any_bytes_get_a_mask_or_a_sentence(model, expected, data):
  contents = bytearray(data.draw(st.sampled_from([b'', *FILES])))
  for _ in range(data.draw(st.integers(1, 3))):
    start = data.draw(st.integers(0, len(contents)))
    end = data.draw(
      st.integers(start, min(start + 4, len(contents))) | st.just(len(contents))
    )
    contents[start:end] = data.draw(st.binary(max_size=6))
  try:
    (mask,) = model.classes_of_bytes([bytes(contents)])
    assert mask.ndim == 2
  except errors.UserError as error:
    assert 'cannot be decoded' in str(error)
  np.testing.assert_array_equal(model.classes_of_bytes([GOOD])[0], expected)


IMAGES = {
  'float': np.zeros([1, 8, 8, 3], np.float32),
  'int': np.zeros([1, 8, 8, 3], np.int32),
  'text': np.full([1, 8, 8, 3], b'x', object),
  'no batch': np.zeros([8, 8, 3], np.uint8),
  'five axes': np.zeros([1, 1, 8, 8, 3], np.uint8),
  'scalar': np.uint8(0),
  'grey': np.zeros([1, 8, 8, 1], np.uint8),
  'alpha': np.zeros([1, 8, 8, 4], np.uint8),
  'no rows': np.zeros([1, 0, 8, 3], np.uint8),
  'no columns': np.zeros([1, 8, 0, 3], np.uint8),
}
FILE_TENSORS = {
  'number': tf.constant([1]),
  'scalar': tf.constant(GOOD),
  'two axes': tf.constant([[GOOD]]),
  'one broken of two': tf.constant([GOOD, b'broken']),
}
CASES = [
  *((names.DEFAULT_SIGNATURE, names.IMAGES, x) for x in IMAGES.values()),
  *(
    (signature, names.IMAGE_BYTES, x)
    for signature in (names.BYTES_SIGNATURE, names.PNG_SIGNATURE)
    for x in FILE_TENSORS.values()
  ),
  (names.DEFAULT_SIGNATURE, 'pictures', IMAGES['int']),
]


@pytest.mark.parametrize('case', range(len(CASES)))
def test_other_types_and_ranks_are_errors(loaded, model, expected, case):
  name, key, value = CASES[case]
  signature = loaded.signatures[name]
  with pytest.raises((TypeError, ValueError, tf.errors.InvalidArgumentError)):
    signature(**{key: tf.constant(value)})
  np.testing.assert_array_equal(model.classes_of_bytes([GOOD])[0], expected)


VALUES = st.recursive(
  st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
  lambda inner: (
    st.lists(inner, max_size=3)
    | st.dictionaries(
      st.sampled_from(['b64', names.CLASSES, names.SIZES, names.MASK_PNG, 'x']),
      inner,
      max_size=3,
    )
  ),
  max_leaves=8,
)


@few
@given(
  answer=st.binary(max_size=20)
  | VALUES.map(lambda x: json.dumps({'outputs': x}).encode()),
  signature=st.sampled_from([names.BYTES_SIGNATURE, names.PNG_SIGNATURE]),
)
def test_any_answer_gives_the_client_a_mask_or_a_sentence(
  monkeypatch, answer, signature
):
  outputs = {names.CLASSES: {}, names.SIZES: {}, names.MASK_PNG: {}}
  metadata = {
    name: {'outputs': outputs} for name in (names.BYTES_SIGNATURE, signature)
  }
  metadata = {'metadata': {'signature_def': {'signature_def': metadata}}}

  def urlopen(request, timeout):
    is_metadata = request.full_url.endswith('/metadata')
    return io.BytesIO(json.dumps(metadata).encode() if is_metadata else answer)

  monkeypatch.setattr(urllib.request, 'urlopen', urlopen)
  with client.connect('localhost:1', 'rest', 'any') as asked:
    try:
      assert asked.mask(GOOD).ndim == 2
    except errors.UserError as error:
      assert str(error).endswith('.')


@few
@given(
  answer=st.binary(max_size=30) | VALUES.map(lambda x: json.dumps(x).encode())
)
def test_any_description_of_a_model_gives_the_client_a_sentence(
  monkeypatch, answer
):
  monkeypatch.setattr(
    urllib.request, 'urlopen', lambda *_, **__: io.BytesIO(answer)
  )
  asked = client.connect('localhost:1', 'rest', 'any')
  with asked, pytest.raises(errors.UserError):
    asked.mask(GOOD)
