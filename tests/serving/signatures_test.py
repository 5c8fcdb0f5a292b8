from __future__ import annotations

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from deeplab_nas.data import example_schema
from deeplab_nas.evaluate import segmenter
from deeplab_nas.serving import names, signatures
from tests.serving import tiny

ODD_FILES = tiny.odd_files()
BROKEN_FILES = tiny.broken_files()


@pytest.fixture(scope='module')
def model(network):
  return signatures.ServedModel(
    segmenter.Segmenter(network), 3, names.OUTPUTS
  ).functions()


@pytest.fixture(scope='module')
def reference(network):
  return segmenter.Segmenter(network)


@pytest.mark.parametrize('name', ODD_FILES)
def test_odd_files_get_the_mask_that_evaluation_gives(model, reference, name):
  image = example_schema.decode_image(ODD_FILES[name])
  found = model['serving_bytes'](image_bytes=tf.constant([ODD_FILES[name]]))
  tiny.assert_most_probable(
    found['classes'], reference.probabilities(image[tf.newaxis])
  )
  assert found['sizes'].numpy().tolist() == [list(image.shape[:2])]


def test_the_test_network_tells_classes_apart(reference):
  found = reference.classes(tiny.photo()[np.newaxis])
  assert set(np.unique(found)) == {0, 1, 2}


@pytest.mark.parametrize('name', BROKEN_FILES)
def test_a_broken_file_is_an_error_not_a_mask(model, name):
  contents, reason = BROKEN_FILES[name]
  for signature in ('serving_bytes', 'serving_png'):
    with pytest.raises(tf.errors.InvalidArgumentError, match=reason):
      model[signature](image_bytes=tf.constant([contents]))


def test_images_of_a_batch_are_independent_of_each_other(model):
  files = list(ODD_FILES.values())
  together = model['serving_bytes'](image_bytes=tf.constant(files))
  for index, file in enumerate(files):
    alone = model['serving_bytes'](image_bytes=tf.constant([file]))
    height, width = together['sizes'][index].numpy()
    for name in ('classes', 'probabilities'):
      np.testing.assert_array_equal(
        together[name][index, :height, :width], alone[name][0]
      )
    assert together['mask_png_bytes'][index] == alone['mask_png_bytes'][0]


def test_padding_is_no_class(model):
  files = [tiny.encoded(tiny.photo(20, 10)), tiny.encoded(tiny.photo(9, 30))]
  found = model['serving_bytes'](image_bytes=tf.constant(files))
  classes = found['classes'].numpy()
  assert classes.shape == (2, 20, 30)
  assert (classes[0, :, 10:] == 255).all() and (classes[1, 9:] == 255).all()
  assert (classes[0, :, :10] < 3).all() and (classes[1, :9] < 3).all()
  probabilities = found['probabilities'].numpy()
  assert (probabilities[0, :, 10:] == 0).all()
  np.testing.assert_allclose(probabilities[0, :, :10].sum(-1), 1, atol=1e-5)


@pytest.mark.parametrize('size', [(1, 1), (3000, 17), (2, 65), (33, 33)])
def test_images_of_any_size(model, reference, size):
  images = np.stack([tiny.photo(*size, seed=1), tiny.photo(*size, seed=2)])
  found = model['serving_default'](images=tf.constant(images))
  expected = reference.probabilities(images)
  tiny.assert_most_probable(found['classes'], expected)
  np.testing.assert_allclose(found['probabilities'], expected, atol=1e-4)


def test_masks_as_png_hold_the_classes(model):
  file = tf.constant([ODD_FILES['narrow']])
  for found in (
    model['serving_bytes'](image_bytes=file),
    model['serving_png'](image_bytes=file),
    model['serving_default'](
      images=example_schema.decode_image(ODD_FILES['narrow'])[tf.newaxis]
    ),
  ):
    mask = Image.open(io.BytesIO(found['mask_png_bytes'].numpy()[0]))
    assert mask.mode == 'L' and mask.size == (17, 3000)
  expected = model['serving_bytes'](image_bytes=file)['classes'][0]
  np.testing.assert_array_equal(np.asarray(mask), expected)


def test_an_empty_batch_gives_an_empty_answer(model):
  found = model['serving_bytes'](image_bytes=tf.constant([], tf.string))
  assert found['classes'].shape[0] == found['sizes'].shape[0] == 0


@pytest.mark.parametrize('shape', [(0, 5, 5, 3), (1, 0, 5, 3), (2, 4, 0, 3)])
def test_images_without_pixels_are_an_error(model, shape):
  with pytest.raises(tf.errors.InvalidArgumentError, match='have no pixels'):
    model['serving_default'](images=tf.zeros(shape, tf.uint8))


def test_scales_and_flip_are_in_the_graph(network):
  averaging = segmenter.Segmenter(network, 0.5, (0.75, 1.0), True)
  found = signatures.ServedModel(averaging, 3).functions()['serving_default']
  images = tiny.photo()[np.newaxis]
  tiny.assert_most_probable(
    found(images=tf.constant(images))['classes'],
    averaging.probabilities(images),
  )


def test_masks_need_no_softmax_unless_several_are_averaged(network):
  one = segmenter.Segmenter(network)
  averaging = segmenter.Segmenter(network, flip=True)
  for source, expected in ((one, False), (averaging, True)):
    model = signatures.ServedModel(source, 3)
    graphs = (
      model.functions()['serving_default'].graph,
      model.scores.graph,
    )
    types = {op.type for graph in graphs for op in graph.get_operations()}
    assert 'ArgMax' in types
    assert ('Softmax' in types) is expected


def test_every_tensor_has_a_batch_dimension(network):
  functions = signatures.ServedModel(
    segmenter.Segmenter(network), 3, names.OUTPUTS
  ).functions()
  for function in functions.values():
    (spec,) = tf.nest.flatten(function.structured_input_signature)
    assert spec.shape[0] is None
    for output in function.structured_outputs.values():
      assert output.shape.rank and output.shape[0] is None
