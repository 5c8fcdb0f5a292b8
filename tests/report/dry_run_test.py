"""What a run takes, from the parts."""

import dataclasses

from deeplab_nas.report import dry_run

ESTIMATE = dry_run.Estimate(
  startup_seconds=40,
  weight_step_seconds=2,
  arch_step_seconds=1,
  val_image_seconds=0.5,
  peak_bytes=3 * 2**30,
  steps_per_epoch=10,
  epochs=5,
  arch_start_epoch=2,
  num_val_images=8,
)


def test_the_whole_run_is_the_sum_of_its_parts():
  weights, architecture, validation = 5 * 10 * 2, 3 * 10 * 1, 5 * 8 * 0.5
  assert ESTIMATE.total_seconds == 40 + weights + architecture + validation


def test_the_table_has_every_number():
  text = ESTIMATE.to_text()
  for part in ('40 s', '2.000 s', '1.000 s', '3.00 GiB', '3 min 10 s'):
    assert part in text
  assert '5 epochs of 10 steps, 8 validation images' in text
  assert max(map(len, text.splitlines())) < 120


def test_a_training_has_one_kind_of_step_and_maybe_few_validations():
  training = dataclasses.replace(
    ESTIMATE, arch_step_seconds=None, arch_start_epoch=0, num_validations=2
  )
  assert training.total_seconds == 40 + 5 * 10 * 2 + 2 * 8 * 0.5
  assert 'architecture' not in training.to_text()


def test_statistics_are_taken_before_each_validation():
  assert 'batch-norm' not in ESTIMATE.to_text()
  longer = dataclasses.replace(
    ESTIMATE, recalibration_seconds=3, num_validations=2
  )
  validations = 2 * (3 + 8 * 0.5)
  assert longer.total_seconds == 40 + 5 * 10 * 2 + 3 * 10 * 1 + validations
  assert 'batch-norm statistics, each time  3.000 s' in longer.to_text()


def test_the_peak_never_falls():
  before = dry_run.peak_bytes()
  ballast = bytearray(2**26)
  ballast[::4096] = b'x' * len(ballast[::4096])
  del ballast
  assert dry_run.peak_bytes() >= before > 2**20


def test_a_search_says_which_preset_has_its_memory():
  def text(gib):
    counted_bytes = int(gib * 2**30)
    return dataclasses.replace(ESTIMATE, counted_bytes=counted_bytes).to_text()

  assert 'GiB by count: fits 8 GiB, as --config=search_8gb does' in text(3)
  assert '20.00 GiB by count: no preset' in text(20)
  assert 'accelerator' not in ESTIMATE.to_text()
