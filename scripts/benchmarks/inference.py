"""A network on random images, and its exports, as cases.

The network is the Keras model, batch norm unfolded, called as one compiled
function of a fixed size; an export is loaded as a server would load it.
"""

from __future__ import annotations

import os
import pathlib
from typing import Any

from benchmarks import case as case_lib
from benchmarks import in_turn
from deeplab_nas.space import cost, genotype_source, search_space
from deeplab_nas.space import genotype as genotype_lib

NUM_CLASSES = 19  # Cityscapes'
_SEED = 0


def cases(
  genotype: str,
  filter_multiplier: int,
  size: int,
  batch_size: int,
  export_dir: str | os.PathLike,
  tflite: bool = False,
) -> list[list[case_lib.Case]]:
  """Groups of cases: each in its process, then two that share one.

  Args:
    genotype: A file, or zoo:NAME.
    filter_multiplier: F.
    size: Height and width of the images.
    batch_size: Images of a step.
    export_dir: What `export` was given.
    tflite: Whether it wrote a TFLite model too.
  """
  network = {
    'genotype': genotype,
    'filter_multiplier': filter_multiplier,
    'size': size,
    'batch_size': batch_size,
  }
  exported = {**network, 'path': os.fspath(export_dir)}
  alone = [
    case_lib.Case('network', build_network, network),
    case_lib.Case('predict', build_predict, network),
    case_lib.Case('export', build_export, exported),
  ]
  if tflite:
    alone.append(case_lib.Case('tflite', build_tflite, exported))
  return [alone, [case_lib.Case('same process', build_both, exported)]]


def export(
  genotype: str,
  filter_multiplier: int,
  size: int,
  export_dir: str | os.PathLike,
  tflite: bool = False,
) -> pathlib.Path:
  """Exports a network as `scripts/export_model.py` does; returns its folder."""
  from deeplab_nas.data import dataset_info
  from deeplab_nas.serving import export as export_lib

  options = export_lib.ExportOptions(
    warmup_size=(size, size), tflite_size=(size, size) if tflite else None
  )
  network = _network(genotype, filter_multiplier)
  info = dataset_info.DatasetInfo.cityscapes()
  return export_lib.export(network, info, export_dir, options).path


def build_network(
  genotype: str, filter_multiplier: int, size: int, batch_size: int
) -> case_lib.Job:
  """Logits of a compiled call, images float32."""
  from benchmarks import graph_cost

  step, compiled = _network_step(genotype, filter_multiplier, size, batch_size)

  def facts() -> dict[str, Any]:
    counted = graph_cost.count(compiled).facts()
    done = counted.pop('flops')
    return {
      **_facts(genotype, filter_multiplier, size, batch_size),
      **counted,
      'flops_in_graph': done,
    }

  return case_lib.Job(step, facts)


def build_predict(
  genotype: str, filter_multiplier: int, size: int, batch_size: int
) -> case_lib.Job:
  """Logits of Keras' `predict`, images float32."""
  network = _network(genotype, filter_multiplier)
  images = _images(size, batch_size).astype('float32')
  return case_lib.Job(
    lambda: network.predict(images, batch_size=batch_size, verbose=0),
    lambda: _facts(genotype, filter_multiplier, size, batch_size),
  )


def build_export(
  genotype: str, filter_multiplier: int, size: int, batch_size: int, path: str
) -> case_lib.Job:
  """Masks of a SavedModel, images uint8."""
  from benchmarks import graph_cost
  from deeplab_nas.serving import names

  step, function = _export_step(path, size, batch_size)

  def facts() -> dict[str, Any]:
    # Its sizes are not static: what it multiplies cannot be counted.
    counted = graph_cost.count(function).facts()
    nodes = {x: n for x, n in counted.items() if x.startswith('graph_')}
    return {
      **_facts(genotype, filter_multiplier, size, batch_size),
      **nodes,
      'signature': names.DEFAULT_SIGNATURE,
    }

  return case_lib.Job(step, facts)


def build_tflite(
  genotype: str, filter_multiplier: int, size: int, batch_size: int, path: str
) -> case_lib.Job:
  """Masks and probabilities of a TFLite model, one image after the other."""
  import tensorflow as tf

  from deeplab_nas.data import scan
  from deeplab_nas.serving import names, tflite

  interpreter = tf.lite.Interpreter(
    os.path.join(path, tflite.FILE), num_threads=scan.num_cores()
  )
  runner = interpreter.get_signature_runner(names.DEFAULT_SIGNATURE)
  images = _images(size, batch_size)

  def step() -> None:
    for image in images:
      runner(**{names.IMAGES: image[None]})

  return case_lib.Job(
    step, lambda: _facts(genotype, filter_multiplier, size, batch_size)
  )


def build_both(
  genotype: str, filter_multiplier: int, size: int, batch_size: int, path: str
) -> case_lib.Job:
  """A step of the network, then one of its export, in the same process."""
  network, _ = _network_step(genotype, filter_multiplier, size, batch_size)
  exported, _ = _export_step(path, size, batch_size)
  turns = in_turn.InTurn({'network': network, 'export': exported})
  return case_lib.Job(turns.step, turns.facts)


def _network_step(genotype, filter_multiplier, size, batch_size):
  """A step of the compiled network, and its concrete function."""
  import tensorflow as tf

  network = _network(genotype, filter_multiplier)
  images = tf.constant(_images(size, batch_size), tf.float32)
  function = tf.function(
    lambda x: network(x, training=False), autograph=False
  ).get_concrete_function(images)
  return lambda: function(images).numpy(), function


def _export_step(path, size, batch_size):
  """A step of the export, and its signature."""
  import tensorflow as tf

  from deeplab_nas.serving import names

  loaded = tf.saved_model.load(path)
  images = tf.constant(_images(size, batch_size))
  function = loaded.signatures[names.DEFAULT_SIGNATURE]

  def step():
    assert loaded  # held on to: a function alone does not keep its variables
    return function(**{names.IMAGES: images})[names.CLASSES].numpy()

  return step, function


def _network(genotype: str, filter_multiplier: int):
  import tensorflow as tf

  from deeplab_nas.nn.network import network

  tf.keras.utils.set_random_seed(_SEED)
  built = network.build_network(
    genotype_source.read(genotype), filter_multiplier, NUM_CLASSES
  )
  _unsettle(built)
  return built


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


def _images(size: int, batch_size: int):
  """uint8 [batch_size, size, size, 3]."""
  import numpy as np

  rng = np.random.default_rng(_SEED)
  return rng.integers(256, size=[batch_size, size, size, 3], dtype=np.uint8)


def _facts(
  genotype: str, filter_multiplier: int, size: int, batch_size: int
) -> dict[str, Any]:
  """Operations by the cost model: those of the unfolded network for all."""
  found: genotype_lib.Genotype = genotype_source.read(genotype)
  space = search_space.SearchSpace.containing(found, filter_multiplier)
  model = cost.CostModel(space, NUM_CLASSES, (size, size))
  return {
    'images': batch_size,
    'flops': 2 * model.of(found).macs * batch_size,
  }
