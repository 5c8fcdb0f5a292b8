"""A run from its checkpoint to its summary, whatever it learns."""

import dataclasses
import functools

import numpy as np
import pytest
import tensorflow as tf

from deeplab_nas import errors
from deeplab_nas.config import config as config_lib
from deeplab_nas.run import checkpoints, precompile
from deeplab_nas.run import directory as run_directory
from deeplab_nas.run import session as session_lib
from tests.train import tiny_training

STEPS, EPOCHS = 3, 2


class Noted(tf.keras.callbacks.Callback):
  def __init__(self):
    super().__init__()
    self.steps = 0

  def on_train_batch_end(self, batch, logs=None):
    self.steps += 1


def batches(start_step=0):
  return tiny_training.batches(STEPS * EPOCHS).skip(start_step)


def build(path):
  """A session of a small training, as a new process would build it."""
  directory = run_directory.RunDirectory(path)
  trainer = tiny_training.trainer(total_steps=STEPS * EPOCHS)
  return session_lib.Session(
    directory,
    config_lib.Config(),
    trainer,
    checkpoints.Saver(directory, trainer=trainer),
    EPOCHS,
    STEPS,
    batches,
    functools.partial(precompile.once, trainer),
  )


def weights(session):
  return [np.array(x) for x in session.model.network.variables]


def test_a_run_in_two_parts_is_the_run_in_one(tmp_path):
  whole = build(tmp_path / 'whole')
  whole.fit(whole.restore(resume=False), list)
  first = dataclasses.replace(build(tmp_path / 'parts'), epochs=1)
  first.fit(first.restore(resume=True), list)
  second, noted = build(tmp_path / 'parts'), Noted()
  position = second.restore(resume=True)
  assert position == checkpoints.Position(1)
  second.fit(position, lambda: [noted])
  assert noted.steps == STEPS
  for a, b in zip(weights(second), weights(whole)):
    np.testing.assert_array_equal(a, b)


def test_without_resume_a_run_begins_at_the_beginning(tmp_path):
  assert build(tmp_path).restore(resume=False) == checkpoints.Position()


def test_callbacks_are_made_when_the_steps_are_compiled(tmp_path):
  order = []
  session = dataclasses.replace(
    build(tmp_path), compile=lambda _: order.append('compiled')
  )
  session.fit(session.restore(False), lambda: order.append('callbacks') or [])
  assert order == ['compiled', 'callbacks']


def test_the_summary_is_written_and_a_command_shows_it(tmp_path, capsys):
  build(tmp_path).finish('found it')
  assert (tmp_path / 'summary.txt').read_text() == 'found it\n'
  assert capsys.readouterr().out == ''  # print(run) shows it in Python, once


def test_a_run_begins_with_data_that_is_described(records):
  config = config_lib.Config.from_dict({'data': {'dir': records}})
  strategy, info = session_lib.begin(config, genotype='0123456789ab')
  assert strategy.num_replicas_in_sync == 1
  assert info.num_classes > 1
  nowhere = config_lib.Config.from_dict({'data': {'dir': f'{records}/none'}})
  with pytest.raises(errors.UserError, match='none'):
    session_lib.begin(nowhere)
