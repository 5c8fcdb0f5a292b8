"""metrics.jsonl of a real search, and what resuming does to it."""

import json
import math

import numpy as np
import pytest

from deeplab_nas import errors
from deeplab_nas.report import metrics_log
from deeplab_nas.run import directory as run_directory


def test_there_is_a_line_for_each_epoch(finished):
  lines = finished.run.metrics.read_text().splitlines()
  assert [json.loads(line)['epoch'] for line in lines] == [1, 2]


def test_a_line_has_all_scalars_of_the_epoch(finished):
  for index, line in enumerate(metrics_log.read(finished.run)):
    for name, values in finished.history.items():
      expected = values[index]
      if math.isnan(expected):  # no architecture step in this epoch
        assert name == 'arch_loss' and line[name] is None
      else:
        assert line[name] == pytest.approx(expected)
  assert {'loss', 'miou', 'val_loss', 'val_miou'} <= set(line)
  assert {'learning_rate', 'arch_loss'} <= set(line)


def test_the_last_line_tells_the_architecture(finished):
  line = metrics_log.read(finished.run)[-1]
  state = finished.searcher.arch_state()
  assert line['digest'] == state.genotype.digest
  assert line['alpha_entropy'] == pytest.approx(state.alpha_entropy)
  assert 0 < line['beta_entropy'] <= math.log(3)


def test_the_lines_tell_signal_from_noise(finished):
  first, *_, last = metrics_log.read(finished.run)
  assert 'alpha_signal' not in first  # no step on the architecture yet
  evidence = finished.searcher.arch_state().evidence
  for name, value in evidence.numbers().items():
    assert last[name] == pytest.approx(value)
  assert 'alpha_signal' in last and 'layers_decided' in last
  assert last['decoded']['path'] == list(
    finished.searcher.arch_state().genotype.path
  )
  assert 0 <= last['connections_as_before'] <= 1


def test_the_mean_of_the_classes_is_the_miou(finished):
  line = metrics_log.read(finished.run)[-1]
  by_class = line['class_iou']
  assert tuple(by_class) == finished.info.class_names
  known = [value for value in by_class.values() if value is not None]
  assert np.mean(known) == pytest.approx(line['val_miou'])


@pytest.fixture
def log(tmp_path, info, finished):
  """A log in a fresh folder, looking at the finished search."""

  def make():
    run = run_directory.RunDirectory(tmp_path)
    log = metrics_log.MetricsLog(run, info)
    log.set_model(finished.searcher)
    log.on_train_begin()
    return log

  return make


def test_a_repeated_epoch_replaces_its_line(log):
  first = log()
  for epoch in range(3):
    first.on_epoch_end(epoch, {'loss': epoch})
  resumed = log()
  resumed.on_epoch_end(1, {'loss': 7.0})
  losses = [(line['epoch'], line['loss']) for line in log().history]
  assert losses == [(1, 0.0), (2, 7.0)]


def test_what_is_no_number_is_null(log):
  log().on_epoch_end(0, {'loss': math.nan, 'val_loss': math.inf})
  (line,) = log().history
  assert line['loss'] is None and line['val_loss'] is None


def test_without_validation_there_is_no_class_iou(log):
  log().on_epoch_end(0, {'loss': 1.0})
  assert 'class_iou' not in log().history[0]


@pytest.mark.parametrize('line', [b'{', b'3', b'\xff', b'[' * 10_000])
def test_a_damaged_line_is_refused(tmp_path, line):
  run = run_directory.RunDirectory(tmp_path)
  run.metrics.write_bytes(b'{"epoch": 1}\n' + line + b'\n')
  with pytest.raises(errors.UserError, match='metrics.jsonl is damaged'):
    metrics_log.read(run)
