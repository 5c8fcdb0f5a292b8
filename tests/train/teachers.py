"""Run folders of trainings that have ended, without the training."""

from deeplab_nas.config import config as config_lib
from deeplab_nas.run import continuation
from deeplab_nas.run import directory as run_directory
from tests.train import tiny_training


def save(path, info, genotype=tiny_training.GENOTYPE, **network):
  """The folder of a network of random weights; `network` are settings."""
  import tensorflow as tf

  from deeplab_nas.run import checkpoints
  from deeplab_nas.train import best
  from deeplab_nas.train import build as network_builder

  run, settings = _started(path, info, genotype, network)
  tf.keras.utils.set_random_seed(7)  # which no run has
  built = network_builder.build(settings, genotype, info.num_classes)
  for seed in range(8):  # statistics that fit
    built(tiny_training.batch(seed)[0], training=True)
  logits = built(tiny_training.batch()[0], training=False)
  kernel = built.logits.kernel
  kernel.assign(kernel / tf.math.reduce_std(logits))  # answers that differ
  trainer = tiny_training.trainer(network=built)
  keeper = best.BestKeeper(trainer, run, genotype.digest)
  keeper.on_epoch_end(0, {'val_miou': 0.5})
  checkpoints.Saver(
    run,
    trainer=trainer,
    best=keeper.state,
    genotype_digest=checkpoints.digest_variable(genotype.digest),
  ).save(checkpoints.Position(1))
  return run


def without_weights(path, info, genotype=tiny_training.GENOTYPE, **network):
  """The same, but what stands for its checkpoint is empty."""
  run, _ = _started(path, info, genotype, network)
  run.best.mkdir()
  (run.best / 'epoch-1.index').touch()
  return run


def _started(path, info, genotype, network):
  config = config_lib.Config.from_dict(
    {'network': {**tiny_training.NETWORK, **network}}
  )
  run = run_directory.RunDirectory.create(path)
  continuation.start(run, config, ['train.py'], 'train')
  continuation.keep_genotype(run, genotype)
  info.save(run.dataset)
  return run, config.network
