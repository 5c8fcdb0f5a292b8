"""A network on random images, and its exports, as cases.

The network is the Keras model, batch norm unfolded, called as one compiled
function of a fixed size; an export is loaded as a server would load it.
"""

from __future__ import annotations

import dataclasses
import os
import pathlib
from collections.abc import Sequence
from typing import Any

from benchmarks import case as case_lib
from benchmarks import in_turn
from deeplab_nas.config import config as config_lib
from deeplab_nas.data import dataset_info
from deeplab_nas.run import directory as run_directory
from deeplab_nas.space import genotype_source, search_space

NUM_CLASSES = 19  # Cityscapes'
_SEED = 0


@dataclasses.dataclass(frozen=True)
class Subject:
  """Which network, on which images.

  Attributes:
    genotype: A file, or zoo:NAME.
    filter_multiplier: F.
    size: Height and width of the images, or one number for both.
    run_dir: A training, whose best weights, width, head and classes are taken
      in the place of `genotype` and `filter_multiplier`; '' for none.
  """

  genotype: str = 'zoo:auto_deeplab'
  filter_multiplier: int = 20
  size: int | Sequence[int] = 513
  run_dir: str = ''

  @property
  def shape(self) -> tuple[int, int]:
    """Height and width."""
    one = isinstance(self.size, int)
    return (self.size, self.size) if one else tuple(self.size)

  def network(self):
    """The network, batch norm as after a training."""
    import tensorflow as tf

    from deeplab_nas.nn.network import network
    from deeplab_nas.train import restore

    if self.run_dir:
      return restore.load(self.run_dir).network
    tf.keras.utils.set_random_seed(_SEED)
    built = network.build_network(
      genotype_source.read(self.genotype), self.filter_multiplier, NUM_CLASSES
    )
    _unsettle(built)
    return built

  def info(self) -> dataset_info.DatasetInfo:
    """Its classes."""
    if self.run_dir:
      return dataset_info.DatasetInfo.load(self._run.dataset)
    return dataset_info.DatasetInfo.cityscapes()

  def facts(self, batch_size: int) -> dict[str, Any]:
    """Operations by the cost model: those of the unfolded network for all."""
    if self.run_dir:
      config = config_lib.load(os.fspath(self._run.config)).network
      genotype = genotype_source.read(self._run.genotype)
    else:
      config = config_lib.NetworkConfig(
        filter_multiplier=self.filter_multiplier
      )
      genotype = genotype_source.read(self.genotype)
    space = search_space.SearchSpace.containing(
      genotype, config.filter_multiplier
    )
    classes = self.info().num_classes
    macs = config.cost_model(space, classes, self.shape).of(genotype).macs
    return {'images': batch_size, 'flops': 2 * macs * batch_size}

  @property
  def _run(self) -> run_directory.RunDirectory:
    return run_directory.RunDirectory(self.run_dir)


def cases(
  subject: Subject,
  batch_size: int,
  export_dir: str | os.PathLike,
  tflite: bool = False,
) -> list[list[case_lib.Case]]:
  """Groups of cases: each in its process, then two that share one.

  Args:
    subject: The network and its images.
    batch_size: Images of a step.
    export_dir: What `export` was given.
    tflite: Whether it wrote a TFLite model too.
  """
  network = {**dataclasses.asdict(subject), 'batch_size': batch_size}
  exported = {**network, 'path': os.fspath(export_dir)}
  alone = [
    case_lib.Case('network', build_network, network),
    case_lib.Case('predict', build_predict, network),
    case_lib.Case('export', build_export, exported),
  ]
  if tflite:
    alone.append(case_lib.Case('tflite', build_tflite, exported))
  return [alone, [case_lib.Case('same process', build_both, exported)]]


def cases_beside(
  subject: Subject, batch_size: int, paths: Sequence[str | os.PathLike]
) -> list[list[case_lib.Case]]:
  """One case: a step of an export, then one of another, in one process.

  Args:
    subject: The first network and the images of both.
    batch_size: Images of a step.
    paths: Of the two exports, see `export`.
  """
  arguments = {
    'paths': list(map(os.fspath, paths)),
    'batch_size': batch_size,
    'size': subject.size,
  }
  return [[case_lib.Case('beside', build_beside, arguments)]]


def export(
  subject: Subject, export_dir: str | os.PathLike, tflite: bool = False
) -> pathlib.Path:
  """Exports a network as `scripts/export_model.py` does; returns its folder.

  Images are as large for the network as they are sent: a training's
  data.image_scale is left out.
  """
  from deeplab_nas.serving import export as export_lib

  options = export_lib.ExportOptions(
    warmup_size=subject.shape, tflite_size=subject.shape if tflite else None
  )
  return export_lib.export(
    subject.network(), subject.info(), export_dir, options
  ).path


def build_network(batch_size: int, **subject: Any) -> case_lib.Job:
  """Logits of a compiled call, images float32."""
  from benchmarks import graph_cost

  step, compiled = _network_step(Subject(**subject), batch_size)

  def facts() -> dict[str, Any]:
    counted = graph_cost.count(compiled).facts()
    done = counted.pop('flops')
    return {
      **Subject(**subject).facts(batch_size),
      **counted,
      'flops_in_graph': done,
    }

  return case_lib.Job(step, facts)


def build_predict(batch_size: int, **subject: Any) -> case_lib.Job:
  """Logits of Keras' `predict`, images float32."""
  network = Subject(**subject).network()
  images = _images(Subject(**subject).shape, batch_size).astype('float32')
  return case_lib.Job(
    lambda: network.predict(images, batch_size=batch_size, verbose=0),
    lambda: Subject(**subject).facts(batch_size),
  )


def build_export(batch_size: int, path: str, **subject: Any) -> case_lib.Job:
  """Masks of a SavedModel, images uint8."""
  from benchmarks import graph_cost
  from deeplab_nas.serving import names

  step, function = _export_step(path, Subject(**subject).shape, batch_size)

  def facts() -> dict[str, Any]:
    # Its sizes are not static: what it multiplies cannot be counted.
    counted = graph_cost.count(function).facts()
    nodes = {x: n for x, n in counted.items() if x.startswith('graph_')}
    return {
      **Subject(**subject).facts(batch_size),
      **nodes,
      'signature': names.DEFAULT_SIGNATURE,
    }

  return case_lib.Job(step, facts)


def build_tflite(batch_size: int, path: str, **subject: Any) -> case_lib.Job:
  """Masks and probabilities of a TFLite model, one image after the other."""
  import tensorflow as tf

  from deeplab_nas.data import scan
  from deeplab_nas.serving import names, tflite

  interpreter = tf.lite.Interpreter(
    os.path.join(path, tflite.FILE), num_threads=scan.num_cores()
  )
  runner = interpreter.get_signature_runner(names.DEFAULT_SIGNATURE)
  images = _images(Subject(**subject).shape, batch_size)

  def step() -> None:
    for image in images:
      runner(**{names.IMAGES: image[None]})

  return case_lib.Job(step, lambda: Subject(**subject).facts(batch_size))


def build_both(batch_size: int, path: str, **subject: Any) -> case_lib.Job:
  """A step of the network, then one of its export, in the same process."""
  network, _ = _network_step(Subject(**subject), batch_size)
  exported, _ = _export_step(path, Subject(**subject).shape, batch_size)
  turns = in_turn.InTurn({'network': network, 'export': exported})
  return case_lib.Job(turns.step, turns.facts)


def build_beside(
  batch_size: int, paths: Sequence[str], size: int | Sequence[int]
) -> case_lib.Job:
  """A step of each of two exports, images uint8."""
  shape = Subject(size=size).shape
  first, other = (_export_step(path, shape, batch_size)[0] for path in paths)
  turns = in_turn.InTurn({'export': first, 'beside': other})
  return case_lib.Job(turns.step, turns.facts)


def _network_step(subject: Subject, batch_size: int):
  """A step of the compiled network, and its concrete function."""
  import tensorflow as tf

  network = subject.network()
  images = tf.constant(_images(subject.shape, batch_size), tf.float32)
  function = tf.function(
    lambda x: network(x, training=False), autograph=False
  ).get_concrete_function(images)
  return lambda: function(images).numpy(), function


def _export_step(path: str, shape: tuple[int, int], batch_size: int):
  """A step of the export, and its signature."""
  import tensorflow as tf

  from deeplab_nas.serving import names

  loaded = tf.saved_model.load(path)
  images = tf.constant(_images(shape, batch_size))
  function = loaded.signatures[names.DEFAULT_SIGNATURE]

  def step():
    assert loaded  # held on to: a function alone does not keep its variables
    return function(**{names.IMAGES: images})[names.CLASSES].numpy()

  return step, function


def _unsettle(network) -> None:
  """Gives batch norm values as after a training.

  At its start it adds 0, which TensorFlow leaves out of an export.
  """
  import numpy as np
  import tensorflow as tf

  rng = np.random.default_rng(_SEED)
  for layer in network.submodules:
    if isinstance(layer, tf.keras.layers.BatchNormalization):
      for positive in (layer.gamma, layer.moving_variance):
        positive.assign(rng.uniform(0.5, 1.5, positive.shape))
      for other in (layer.beta, layer.moving_mean):
        other.assign(rng.normal(0, 0.1, other.shape))


def _images(shape: tuple[int, int], batch_size: int):
  """uint8 [batch_size, height, width, 3]."""
  import numpy as np

  rng = np.random.default_rng(_SEED)
  return rng.integers(256, size=[batch_size, *shape, 3], dtype=np.uint8)
