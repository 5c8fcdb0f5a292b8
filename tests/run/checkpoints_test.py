"""A state is kept and comes back; that of a search is in `search_run_test`."""

import math

import pytest
import tensorflow as tf

from deeplab_nas import errors
from deeplab_nas.run import checkpoints
from deeplab_nas.run import directory as run_directory
from deeplab_nas.run.checkpoints import Position


@pytest.fixture
def directory(tmp_path):
  return run_directory.RunDirectory.create(tmp_path / 'run')


def saver(directory, value, **settings):
  variable = tf.Variable(value)
  return checkpoints.Saver(directory, part=variable, **settings), variable


def test_the_last_of_two_is_restored(directory):
  first, variable = saver(directory, 1.0)
  assert first.restore() == (0, 0)
  for epoch in range(3):
    variable.assign(epoch)
    first.save(Position(epoch + 1))
  assert len(list(directory.checkpoints.glob('*.index'))) == 2
  second, restored = saver(directory, 0.0)
  assert second.restore() == (3, 0)
  assert float(restored) == 2


@pytest.mark.parametrize(
  'name, neighbour',
  [
    *[('e[1]', 'e1'), ('e*', 'e1'), ('e?', 'e1'), ('e\\1', 'e1')],
    *[('$HOME', 'HOME'), ('%s', 's'), ('a;b', 'a'), ('#1', '1'), ('a,b', 'a')],
    *[('t\tab', 'tab'), ('a=b', 'a'), ('{a,b}', 'a'), ('a"b', 'ab')],
    *[('n\nl', 'n'), ('a:', 'a'), (' a ', 'a'), ('...', '..x'), ('-a', 'a')],
  ],
)
def test_a_folder_that_reads_like_a_pattern_is_only_itself(
  tmp_path, name, neighbour
):
  other = run_directory.RunDirectory.create(tmp_path / neighbour)
  mine = run_directory.RunDirectory.create(tmp_path / name)
  others, kept = saver(other, 7.0)[0], saver(mine, 5.0)[0]
  for epoch in (1, 2):
    others.save(Position(epoch))
  before = sorted(other.checkpoints.iterdir())
  for epoch in (1, 2, 3):
    kept.save(Position(epoch))
  assert sorted(other.checkpoints.iterdir()) == before
  assert checkpoints.newest_first(mine) == [
    str(mine.checkpoints / f'ckpt-{number}') for number in (3, 2)
  ]
  assert checkpoints.latest(mine.checkpoints) == str(
    mine.checkpoints / 'ckpt-3'
  )
  resumed, restored = saver(mine, 0.0)
  assert resumed.restore() == (3, 0)
  assert float(restored) == 5


def test_the_newest_is_none_where_its_files_are_gone(directory):
  assert checkpoints.latest(directory.checkpoints) is None
  first, _ = saver(directory, 1.0)
  first.save(Position(1))
  newest = directory.checkpoints / 'ckpt-1'
  assert checkpoints.latest(directory.checkpoints) == str(newest)
  newest.with_suffix('.index').unlink()
  assert checkpoints.latest(directory.checkpoints) is None


def test_a_step_comes_back_with_its_logs(directory):
  first, _ = saver(directory, 1.0)
  logs = {'loss': tf.constant(0.1), 'arch_loss': float('nan')}
  first.save(Position(2, 7), logs)
  second, _ = saver(directory, 0.0)
  position = second.restore()
  assert position == (2, 7) and position.step_of_run(10) == 27
  assert position.logged_steps(10) == 27
  assert position.logged_steps(7) == 20  # the end of the epoch is to come
  assert second.logs['loss'] == float(tf.constant(0.1))  # to the last bit
  assert math.isnan(second.logs['arch_loss'])


def test_the_first_one_settles_the_run(directory):
  old = directory.path / '.replaced'
  old.mkdir()
  first, _ = saver(directory, 1.0)
  first.save(Position(0, 1))
  assert not old.exists()


def test_within_an_epoch_a_run_that_may_come_back_is_not_given_up(directory):
  old = directory.path / '.replaced'
  old.mkdir()
  first, _ = saver(directory, 1.0)
  assert first.is_held_back
  first.save(Position(1))
  assert not first.is_held_back


def test_it_is_due_by_the_clock(directory):
  now = [0.0]
  first, _ = saver(directory, 1.0, every_minutes=2.0, clock=lambda: now[0])
  now[0] = 119.0
  assert not first.is_due
  now[0] = 120.0
  assert first.is_due
  first.save(Position(0, 1))
  assert not first.is_due
  assert not saver(directory, 1.0)[0].is_due


def test_results_without_a_checkpoint_are_refused(directory):
  directory.metrics.write_text('{"epoch": 1}\n')
  with pytest.raises(errors.UserError, match='no checkpoint in checkpoints/'):
    saver(directory, 0.0)[0].restore()


def test_a_checkpoint_of_something_else_is_refused(directory):
  saver(directory, [1.0, 2.0])[0].save(Position(1))
  with pytest.raises(errors.UserError, match='No checkpoint .* restored'):
    saver(directory, [1.0, 2.0, 3.0])[0].restore()


@pytest.mark.parametrize('content', ['', '\0' * 60, 'model_checkpoint_path: "'])
def test_a_damaged_list_of_checkpoints_does_no_harm(directory, content):
  first, variable = saver(directory, 1.0)
  for epoch in (1, 2):
    variable.assign(epoch)
    first.save(Position(epoch))
  (directory.checkpoints / 'checkpoint').write_text(content)
  second, restored = saver(directory, 0.0)
  assert second.restore() == (2, 0)
  assert float(restored) == 2
  second.save(Position(3))
  assert saver(directory, 0.0)[0].restore() == (3, 0)


@pytest.mark.parametrize('part', ['index', 'data'])
@pytest.mark.parametrize('size', [0, 10])
def test_power_loss_while_it_was_written_leaves_the_one_before(
  directory, part, size
):
  first, variable = saver(directory, list(range(100)))
  for epoch in (1, 2):
    variable.assign(variable + 1)
    first.save(Position(epoch))
  (path,) = directory.checkpoints.glob(f'ckpt-2.{part}*')
  path.write_bytes(path.read_bytes()[:size])
  second, restored = saver(directory, [0] * 100)
  assert second.restore() == (1, 0)
  assert int(restored[0]) == 1
  second.save(Position(2))
  assert saver(directory, [0] * 100)[0].restore() == (2, 0)


def test_what_an_earlier_release_did_not_have_may_be_absent(directory):
  first, variable = saver(directory, 1.0)
  variable.assign(5.0)
  first.save(Position(1))
  added = tf.Module()
  added.value = tf.Variable(7.0)
  second, restored = saver(directory, 0.0, optional={'added': added})
  assert second.restore() == (1, 0)
  assert (float(restored), float(added.value)) == (5, 7)
  assert second.absent == {'added'}
  added.value.assign(8.0)
  second.save(Position(2))  # with it, and numbered on
  assert len(list(directory.checkpoints.glob('*.index'))) == 2
  added.value.assign(0.0)
  third, _ = saver(directory, 0.0, optional={'added': added})
  assert third.restore() == (2, 0)
  assert float(added.value) == 8
  assert not third.absent


def test_what_has_to_be_there_still_has_to(directory):
  saver(directory, 1.0)[0].save(Position(1))
  more = checkpoints.Saver(
    directory, part=tf.Variable(0.0), other=tf.Variable(0.0)
  )
  with pytest.raises(errors.UserError, match='can be restored'):
    more.restore()


def test_a_full_disk_keeps_the_one_before(directory, monkeypatch):
  first, variable = saver(directory, 1.0)
  first.save(Position(1))
  variable.assign(2.0)

  def full(self, *args, **kwargs):
    (directory.checkpoints / 'ckpt-2_temp').mkdir()
    raise tf.errors.ResourceExhaustedError(
      None, None, 'ckpt-2_temp; No space left on device'
    )

  with monkeypatch.context() as patch:
    patch.setattr(tf.train.CheckpointManager, 'save', full)
    with pytest.raises(errors.UserError, match='No space left .* --resume'):
      first.save(Position(2))
  assert not list(directory.checkpoints.glob('*_temp'))
  second, restored = saver(directory, 0.0)
  assert second.restore() == (1, 0)
  assert float(restored) == 1


def test_a_digest_can_be_read_without_restoring(directory):
  path = tf.train.Checkpoint(
    genotype_digest=checkpoints.digest_variable('abc')
  ).write(str(directory.path / 'with'))
  assert checkpoints.read_digest(path) == 'abc'
  path = tf.train.Checkpoint(x=tf.Variable(1)).write(
    str(directory.path / 'without')
  )
  assert checkpoints.read_digest(path) == ''


def test_an_error_is_one_short_line():
  assert checkpoints.first_line(ValueError('a\nb')) == 'a'
  assert checkpoints.first_line(ValueError()) == 'ValueError'
  assert len(checkpoints.first_line(ValueError('x' * 999))) == 200
