"""The network that a genotype describes, as the paper's authors released it.

    model = build_network('auto_deeplab')          # Auto-DeepLab-S
    logits = model(images)     # [B, H, W, 19] from [B, H, W, 3] in [0, 255]

Reference:
  Auto-DeepLab, Sec. 5.2, https://arxiv.org/abs/1901.02985, as released in
  https://github.com/tensorflow/models/tree/master/research/deeplab
"""

from __future__ import annotations

import itertools
import numbers
import os
from typing import Any

import tensorflow as tf

from deeplab_nas.nn.kernels import padding, resize, shapes
from deeplab_nas.nn.network import (
  aspp,
  conv_norm,
  decoder,
  drop_path,
  saving,
  variables,
)
from deeplab_nas.nn.network import cell as derived_cell
from deeplab_nas.nn.network import options as network_options
from deeplab_nas.space import cost, genotype_source, search_space
from deeplab_nas.space import genotype as genotype_lib

_STEM_STRIDE = 4
_IMAGE_CHANNELS = 3
_BACKBONE_EPSILON = 1e-3
_HEAD_EPSILON = 1e-5

NetworkOptions = network_options.NetworkOptions


@tf.keras.utils.register_keras_serializable('deeplab_nas')
class DerivedNetwork(saving.Saving, tf.keras.Model):
  """Logits of one architecture: stem, the cells along its path, ASPP, decoder.

  Differs from a search in what a change of stride does: a way down is in the
  operations that read a cell's inputs, a way up is a bilinear resize before the
  cell, and H^{l-2} is the output two layers before on the path, resized.

  Attributes:
    space: Holds the genotype; its filter multiplier is F.
    genotype: The architecture.
    num_classes: Channels of the logits.
    options: The rest.
    drop_path_progress: float32 variable [], the share of the training that is
      done, on which drop path and dropout depend; whoever trains keeps it up to
      date.
  """

  def __init__(
    self,
    space: search_space.SearchSpace,
    genotype: genotype_lib.Genotype,
    num_classes: int = 19,
    options: NetworkOptions | None = None,
    name: str = 'network',
  ):
    """Builds the network with all its variables.

    Raises:
      ValueError: If the genotype is no element of the space, or its path never
        has the stride of the low-level features.
    """
    # Mixed precision casts after the image is scaled, not before.
    super().__init__(name=name, autocast=False)
    space.check(genotype)
    if not isinstance(num_classes, numbers.Integral) or num_classes < 1:
      raise ValueError(
        f'num_classes is {num_classes}, expected a whole number, at least 1'
      )
    self.space = space
    self.genotype = genotype
    self.num_classes = num_classes
    self.options = options or NetworkOptions()
    self.low_level = low_level_end_point(
      genotype, self.options.low_level_stride
    )
    self.drop_path_progress = tf.Variable(
      0.0,
      trainable=False,
      name='drop_path_progress',
      aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
    )
    self._build_backbone()
    self._build_head()
    variables.create(self, _IMAGE_CHANNELS)

  def _build_backbone(self) -> None:
    """Stem and cells."""
    norm = self.options.norm(_BACKBONE_EPSILON)
    self.stem = [
      conv_norm.ConvNorm(filters, 3, strides, norm=norm, name=f'stem_{i}')
      for i, (filters, strides) in enumerate(
        zip(self.options.stem_filters, (2, 1, 2))
      )
    ]
    self.cells = [
      self._cell(index, norm) for index in range(self.genotype.num_layers)
    ]

  def _build_head(self) -> None:
    """ASPP, decoder and the layer of the logits."""
    norm = self.options.norm(_HEAD_EPSILON)
    separable = self.options.separable_head
    self.aspp = aspp.ASPP(
      self.options.aspp_rates,
      separable,
      norm,
      filters=self.options.head_filters,
      progress=self.drop_path_progress,
    )
    self.decoder = decoder.Decoder(
      separable,
      norm,
      self.options.winograd_decoder,
      filters=self.options.head_filters,
      low_level_filters=self.options.low_level_filters,
      low_level_channels=self._channels_by_end_point[self.low_level],
    )
    self.logits = tf.keras.layers.Conv2D(
      self.num_classes,
      1,
      kernel_initializer=tf.keras.initializers.TruncatedNormal(stddev=0.01),
      name='logits',
    )

  def build(self, input_shape: tf.TensorShape):
    """Creates all variables at once: genotype and space know every shape."""
    *before, last = self._channels_by_end_point.values()
    for layer, channels in zip(
      (*self.stem, *self.cells),
      (input_shape[-1], *self.options.stem_filters[:-1], *before),
    ):
      variables.create(layer, channels)
    variables.create(self.aspp, last)
    variables.create(self.decoder, self.options.head_filters)
    variables.create(self.logits, self.options.head_filters)

  @tf.autograph.experimental.do_not_convert
  def call(self, images: tf.Tensor, training: bool = False) -> tf.Tensor:
    """Computes logits float32 [B, H, W, num_classes].

    Args:
      images: float32 [B, H, W, 3] in [0, 255], of any size.
      training: Whether batch norm takes the batch's statistics, paths drop and
        ASPP's dropout is on.
    """
    logits = self.end_points(images, training)['logits']
    stride = self.options.low_level_stride
    padded = [(n - 1) * stride + 1 for n in shapes.dims(logits)[1:3]]
    logits = resize.bilinear(tf.cast(logits, tf.float32), padded)
    return padding.crop(logits, images)

  def end_points(
    self, images: tf.Tensor, training: bool = False
  ) -> dict[str, tf.Tensor]:
    """Every stage by the name that the released code gives it.

    Args:
      images: float32 [B, H, W, 3] in [0, 255], of any size.
      training: See `call`.

    Returns:
      'Stem' at stride 4, 'Cell_0', 'Cell_1', ... at the strides of the path,
      'features' (ReLU of the last cell), and 'logits' at the stride of the
      low-level features, before the padding is cropped.
    """
    mode = {'training': training}
    padded = padding.pad(images / 127.5 - 1, max(self.strides))
    padded = tf.cast(padded, self.compute_dtype)
    x = tf.nn.relu(self.stem[0](padded, **mode))
    half = self.stem[1](x, **mode)
    quarter = self.stem[2](tf.nn.relu(half), **mode)

    points = {'Stem': quarter}
    states = [half, quarter]
    for index, cell in enumerate(self.cells):
      prev_prev, prev = self._cell_inputs(index, states[-2:], padded)
      states.append(cell(prev, prev_prev, **mode))
      points[f'Cell_{index}'] = states[-1]

    points['features'] = tf.nn.relu(states[-1])
    x = self.aspp(points['features'], **mode)
    x = self.decoder(x, points[self.low_level], **mode)
    points['logits'] = self.logits(x)
    return points

  @property
  def strides(self) -> tuple[int, ...]:
    """Strides of the stem's two outputs and of each cell."""
    path = tuple(self.space.lattice.strides[i] for i in self.genotype.path)
    return (_STEM_STRIDE // 2, _STEM_STRIDE) + path

  def cost_model(self, image_size: tuple[int, int]) -> cost.CostModel:
    """Counts what this network costs for images of (height, width)."""
    return cost.CostModel(
      self.space,
      self.num_classes,
      tuple(image_size),
      self.options.separable_head,
      stem_filters=self.options.stem_filters,
      head_filters=self.options.head_filters,
      aspp_rates=self.options.aspp_rates,
      low_level_stride=self.options.low_level_stride,
    )

  @property
  def _channels_by_end_point(self) -> dict[str, int]:
    """Of the stem's last output and of each cell's, in order."""
    cells = {
      f'Cell_{index}': self.space.node_filters(level)
      for index, level in enumerate(self.genotype.path)
    }
    return {'Stem': self.options.stem_filters[-1], **cells}

  def _cell_inputs(
    self, index: int, states: list[tf.Tensor], padded: tf.Tensor
  ) -> list[tf.Tensor]:
    """H^{l-2} and H^{l-1} at the finer stride of the latter and the cell."""
    *given, own = self.strides[index : index + 3]
    stride = min(given[1], own)
    size = padding.size_at(padded, stride)
    return [
      x if x_stride == stride else resize.bilinear(x, size)
      for x, x_stride in zip(states, given)
    ]

  def _cell(
    self, index: int, norm: conv_norm.NormFactory | None
  ) -> derived_cell.DerivedCell:
    previous, level = ((0,) + self.genotype.path)[index : index + 2]
    filters = self.space.filters(level)
    half_channels = self.options.stem_filters[1]
    channels = (half_channels, *self._channels_by_end_point.values())
    keep_prob = drop_path.cell_keep_prob(
      self.options.drop_path_keep_prob, index, self.genotype.num_layers
    )
    return derived_cell.DerivedCell(
      self.genotype.cell,
      filters,
      strides=2 if level > previous else 1,
      prev_prev_channels=channels[index],
      dropped=drop_path.ScheduledDropPath(keep_prob, self.drop_path_progress),
      norm=norm,
      name=f'cell_{index}',
    )


def low_level_end_point(genotype: genotype_lib.Genotype, stride: int) -> str:
  """Name of the stage that the decoder joins.

  It is the last one of that stride before the path first goes below it:
  'Cell_2' in the published network at stride 4, 'Stem' where the path goes down
  at once.

  Raises:
    ValueError: If the path never has that stride.
  """
  strides = [_STEM_STRIDE * 2**level for level in (0,) + genotype.path]
  above = list(itertools.takewhile(lambda s: s <= stride, strides))
  if stride not in above:
    raise ValueError(
      f'low_level_stride is {stride}; the path has the strides'
      f' {", ".join(map(str, sorted(set(strides))))}'
    )
  index = len(above) - above[::-1].index(stride) - 1
  return 'Stem' if index == 0 else f'Cell_{index - 1}'


def build_network(
  genotype: genotype_lib.Genotype | str | os.PathLike[str],
  filter_multiplier: float = 20,
  num_classes: int = 19,
  **options: Any,
) -> DerivedNetwork:
  """The network of a genotype; by default as wide as Auto-DeepLab-S.

      build_network('auto_deeplab', filter_multiplier=48, num_classes=21)
      build_network('runs/search/genotype.json', aspp_rates=(6, 12, 18))

  Args:
    genotype: A genotype, its file or the folder of its run, or a name of
      `deeplab_nas.space.zoo`.
    filter_multiplier: F; 20, 32 and 48 are the paper's S, M and L. It may be a
      fraction: a block at level l has int(F * 2**l) filters.
    num_classes: Channels of the logits.
    **options: Fields of `NetworkOptions`.

  Returns:
    A Keras model from float32 [B, H, W, 3] in [0, 255], of any size, to logits
    float32 [B, H, W, num_classes].

  Raises:
    ValueError: If there is no such name or file, or a value does not fit.
    TypeError: For an option that does not exist, or what is no genotype.
  """
  if isinstance(genotype, (str, os.PathLike)):
    genotype = genotype_source.find(genotype)
  if not isinstance(genotype, genotype_lib.Genotype):
    raise TypeError(
      f'{genotype!r} is no genotype: give a deeplab_nas.Genotype, its file, the'
      ' folder of its run, or a name such as auto_deeplab'
    )
  space = search_space.SearchSpace.containing(genotype, filter_multiplier)
  return DerivedNetwork(space, genotype, num_classes, NetworkOptions(**options))
