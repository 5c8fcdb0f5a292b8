"""What Keras has to know to save a network and to load it again."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from deeplab_nas.nn.network import options as network_options
from deeplab_nas.space import genotype as genotype_lib
from deeplab_nas.space import search_space


class Saving:
  """Makes `model.save`, `load_model` and both formats of weights lossless.

  Keras' newest format finds no layers in lists of lists, such as those of a
  cell: their values would be lost without a word. So the network keeps all its
  variables itself.
  """

  def get_config(self) -> dict[str, Any]:
    """The arguments of `build_network`, in types that JSON knows."""
    return {
      'genotype': self.genotype.to_json(),
      'filter_multiplier': self.space.filter_multiplier,
      'num_classes': self.num_classes,
      'options': dataclasses.asdict(self.options),
      'name': self.name,
    }

  @classmethod
  def from_config(cls, config: Mapping[str, Any]):
    """A network with new weights, of what `get_config` gave."""
    genotype = genotype_lib.Genotype.from_json(config['genotype'])
    space = search_space.SearchSpace.containing(
      genotype, config['filter_multiplier']
    )
    options = network_options.NetworkOptions(**config['options'])
    return cls(space, genotype, config['num_classes'], options, config['name'])

  def build_from_config(self, config: Mapping[str, Any]) -> None:
    """Nothing is left to build."""

  def save_own_variables(self, store: dict[str, np.ndarray]) -> None:
    for index, variable in enumerate(self.variables):
      store[str(index)] = variable.numpy()

  def load_own_variables(self, store: Mapping[str, np.ndarray]) -> None:
    """Takes over what `save_own_variables` kept.

    Raises:
      ValueError: If it is of another network.
    """
    values = [np.asarray(store[str(index)]) for index in range(len(store))]
    shapes = [value.shape for value in values]
    if shapes != [tuple(variable.shape) for variable in self.variables]:
      raise ValueError(
        'the weights are of another network: genotype, filter_multiplier,'
        ' num_classes and options have to be those that were saved'
      )
    for variable, value in zip(self.variables, values):
      variable.assign(value)
