"""Paths that TensorFlow takes for patterns, and the links that it is given."""

import pytest
import tensorflow as tf

from deeplab_nas.run import plain_path

# A neighbour that the name matches as a pattern, if there is one.
SPECIAL = {'e[1]': 'e1', 'a*b': 'axb', 'q?': 'qq', 'back\\slash': 'backslash'}
PLAIN = ('run', 'with space', 'ünï', 'per%cent %d', '{a,b}', "q'q", '~', 'a]')


@pytest.mark.parametrize('name', PLAIN)
def test_a_plain_path_stays_as_it_is(tmp_path, name):
  assert plain_path.of_folder(tmp_path / name) == tmp_path / name
  prefix = str(tmp_path / name / 'ckpt-1')
  assert plain_path.of_prefix(prefix) == prefix
  assert not list(tmp_path.iterdir())


@pytest.mark.parametrize('name', SPECIAL)
def test_what_goes_through_the_link_is_in_the_folder(tmp_path, name):
  folder = tmp_path / name / 'inner'
  link = plain_path.of_folder(folder)
  assert not set('*?[\\') & set(str(link))
  (link / 'a').write_text('in')
  assert (folder / 'a').read_text() == 'in'
  assert plain_path.of_folder(str(folder)) == link


@pytest.mark.parametrize('name', SPECIAL)
def test_a_checkpoint_of_a_special_name_is_the_one_that_is_read(tmp_path, name):
  for value, stem in enumerate((SPECIAL[name], name)):
    made = tf.train.Checkpoint(x=tf.Variable(value)).write(
      str(tmp_path / f'step{value}')
    )
    for file in tmp_path.glob('step*'):
      file.rename(tmp_path / file.name.replace(f'step{value}', stem))
    assert made
  reader = tf.train.load_checkpoint(plain_path.of_prefix(tmp_path / name))
  assert reader.get_tensor('x/.ATTRIBUTES/VARIABLE_VALUE') == 1


def test_a_link_that_was_tidied_up_is_made_again(tmp_path):
  link = plain_path.of_folder(tmp_path / 'e[1]')
  link.unlink()
  assert plain_path.of_folder(tmp_path / 'e[1]') == link
  assert link.is_dir()


def test_a_prefix_in_no_folder_is_left_to_tensorflow(tmp_path):
  prefix = str(tmp_path / 'none[1]' / 'ckpt')
  assert plain_path.of_prefix(prefix) == prefix
