"""What a training says at its end."""

import shlex

from deeplab_nas.nn.network import network as network_lib
from deeplab_nas.report import text as report_text
from deeplab_nas.run import directory as run_directory
from deeplab_nas.space import zoo
from deeplab_nas.train import summary as train_summary
from deeplab_nas.train import trainer
from tests.train import tiny_training

PUBLISHED = zoo.load('auto_deeplab')
METRICS = (
  {'epoch': 1, 'val_miou': 0.4, 'class_iou': {'road': 0.75, 'car': None}},
  {'epoch': 2, 'val_miou': 0.3, 'class_iou': {'road': 0.5, 'car': 0.1}},
)


def text(
  tmp_path,
  metrics=METRICS,
  best_epoch=1,
  network=None,
  image_size=None,
  genotype=PUBLISHED,
):
  return train_summary.summarize(
    run_directory.RunDirectory(tmp_path),
    genotype,
    network or tiny_training.Pixelwise(),
    metrics,
    best_epoch,
    image_size,
  )


def test_it_tells_size_and_quality_of_the_best(tmp_path):
  shown = text(tmp_path)
  # 3 depthwise, 3 * 8 + 2 * 8 hidden with batch norm, 8 * 3 + 3 logits
  assert f'{PUBLISHED.digest}, 70 parameters, 2 epochs' in shown
  assert 'Validation mIoU: 40.0 %, after epoch 1, the best.' in shown
  assert 'road                  75.0 %' in shown
  assert 'car' not in shown


def test_it_tells_the_cross_entropy_and_why_an_epoch_was_kept(tmp_path):
  metrics = [{**line, 'val_loss': 1.25} for line in METRICS]
  shown = train_summary.summarize(
    run_directory.RunDirectory(tmp_path),
    PUBLISHED,
    tiny_training.Pixelwise(),
    metrics,
    2,
    keep='last',
  )
  assert (
    'Validation mIoU: 30.0 %, cross-entropy 1.250, after epoch 2, the last.'
    in shown
  )


def test_the_parameters_are_those_that_are_trained(tmp_path):
  network = network_lib.build_network(tiny_training.GENOTYPE, 2, 3)
  count = sum(v.shape.num_elements() for v in network.trainable_variables)
  trainer.freeze_batch_norm(network)  # which changes nothing
  assert f', {report_text.count(count)} parameters' in text(
    tmp_path, network=network
  )


def test_no_validation_is_said(tmp_path):
  assert 'not validated' in text(tmp_path, ({'epoch': 1, 'loss': 1.0},))


def test_its_next_command_measures_this_run(tmp_path):
  command = shlex.split(text(tmp_path).splitlines()[-1])
  assert command[1:] == [
    'scripts/train.py',
    '--mode=eval',
    f'--run_dir={tmp_path}',
  ]


def test_it_says_which_part_of_the_network_multiplies(tmp_path):
  network = network_lib.build_network(tiny_training.GENOTYPE, 2, 3)
  shown = text(
    tmp_path, network=network, image_size=(33, 65), genotype=network.genotype
  )
  parts = network.cost_model((33, 65)).breakdown(tiny_training.GENOTYPE)
  macs = sum(part.macs for part in parts.values())
  assert (
    f'At 33 x 65 pixels {report_text.count(macs)} multiply-adds:'
    f' stem {100 * parts["stem"].macs / macs:.0f} %,' in shown
  )
  assert 'multiply-adds' not in text(tmp_path, network=network)
