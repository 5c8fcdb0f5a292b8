"""Files as they go to a server, and the masks that come back."""

import io
import pathlib

import numpy as np
import pytest
from PIL import Image

from deeplab_nas import errors
from deeplab_nas.serving import prediction, reply, sending
from tests.serving import tiny

PHOTO = tiny.photo(12, 20)


class Brightest:
  """A client without a server: the class is the largest channel."""

  def mask(self, contents):
    image = np.asarray(Image.open(io.BytesIO(contents)).convert('RGB'))
    if image.shape[0] == 1:
      raise reply.RefusedImage('too small')
    return image.argmax(-1).astype(np.uint8)


def masks(tmp_path, *names):
  files = sending.targets([tmp_path / name for name in names], tmp_path / 'out')
  problems = sending.segment(Brightest(), files)
  found = {
    path.stem: np.asarray(Image.open(path))
    for path in sorted((tmp_path / 'out').glob('*'))
  }
  return found, problems


@pytest.mark.parametrize('orientation', range(1, 9))
@pytest.mark.parametrize('suffix', ['png', 'jpg', 'tif'])
def test_an_image_is_sent_as_prediction_sees_it(tmp_path, orientation, suffix):
  path = tmp_path / f'a.{suffix}'
  exif = Image.Exif()
  exif[0x0112] = orientation
  Image.fromarray(PHOTO).save(path, exif=exif)
  found, problems = masks(tmp_path, path.name)
  assert not problems
  expected = prediction.read_image(path).argmax(-1)
  assert expected.shape == ((12, 20) if orientation < 5 else (20, 12))
  np.testing.assert_array_equal(found['a'], expected)


@pytest.mark.parametrize('name', ['a.bmp', 'a.webp', 'a.ppm', 'a.gif'])
def test_other_formats_are_sent_too(tmp_path, name):
  Image.fromarray(PHOTO).save(tmp_path / name)
  found, problems = masks(tmp_path, name)
  assert not problems
  expected = prediction.read_image(tmp_path / name).argmax(-1)
  np.testing.assert_array_equal(found['a'], expected)


def test_what_has_no_mask_is_reported_and_the_others_are_written(tmp_path):
  (tmp_path / 'text.jpg').write_bytes(b'no image')
  (tmp_path / 'deep.png').write_bytes(tiny.odd_files()['sixteen bits'])
  (tmp_path / 'row.png').write_bytes(tiny.odd_files()['one row'])
  (tmp_path / 'good.png').write_bytes(tiny.encoded(PHOTO))
  found, problems = masks(
    tmp_path, 'text.jpg', 'deep.png', 'row.png', 'good.png'
  )
  assert list(found) == ['good']
  for problem, part in zip(
    problems,
    (
      'text.jpg cannot be decoded',
      'more than 8 bits',
      'row.png has no mask, since the server cannot use it: too small',
    ),
  ):
    assert part in problem
  assert len(problems) == 3


def test_a_long_name_is_reported_and_the_others_are_written(tmp_path):
  longest = 251 * 'x' + '.png'
  too_long = 251 * 'y' + '.tif'  # as long, but for the mask's place
  for name in (longest, 'b.png'):
    (tmp_path / name).write_bytes(tiny.encoded(PHOTO))
  Image.fromarray(PHOTO).save(tmp_path / too_long)
  found, problems = masks(tmp_path, longest, too_long, 'b.png')
  assert not problems and set(found) == {251 * 'x', 251 * 'y', 'b'}
  (tmp_path / (253 * 'z')).write_bytes(tiny.encoded(PHOTO))
  found, (problem,) = masks(tmp_path, 253 * 'z', 'b.png')
  assert 'is too long for that of a mask' in problem and 'b' in found
  assert not list((tmp_path / 'out').glob('.*'))


def test_no_mask_replaces_another_or_an_image(tmp_path):
  (tmp_path / 'a.png').write_bytes(b'x')
  one = tmp_path / 'a.png'
  with pytest.raises(errors.UserError, match='would replace it'):
    sending.targets([one], tmp_path)
  with pytest.raises(errors.UserError, match='would both give'):
    sending.targets([one, tmp_path / 'a.jpg'], tmp_path / 'out')
  (found,) = sending.targets([one], pathlib.Path('out')).values()
  assert found == pathlib.Path('out/a.png')
