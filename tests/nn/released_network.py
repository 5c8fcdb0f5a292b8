"""The released network once more, straight from its variables by name.

Written from the description of its semantics, with no layer of the package, so
that it can tell whether those layers, the canonical order of a genotype and the
mapping of names are right. Sizes have to be k * 32 + 1.
"""

import numpy as np
import tensorflow as tf

HNASNET = (
  'hnasnet',
  ['a5', 's3', 's3', 'a3', 's3', 's3', 's5', 's5', 's5', 'a5'],
  (1, 0, 1, 0, 3, 1, 4, 2, 3, 5),
)
PNASNET = (
  'pnasnet',
  ['s5', 'm3', 's7', 'm3', 's5', 's3', 's3', 'm3', 's3', 'none'],
  (1, 1, 0, 0, 0, 0, 4, 0, 1, 0),
)


class Variables(dict):
  """Draws a random array for a name when it is first asked for."""

  def __init__(self, seed):
    super().__init__()
    self.rng = np.random.default_rng(seed)

  def draw(self, name, shape):
    if name not in self:
      if name.endswith(('gamma', 'moving_variance')):
        value = self.rng.uniform(0.5, 1.5, shape)
      else:
        spread = np.sqrt(2 / max(np.prod(shape[:-1]), 1))
        value = self.rng.normal(0, spread if len(shape) == 4 else 0.1, shape)
      self[name] = value.astype(np.float32)
    return tf.constant(self[name])


def resize(x, size):
  return tf.compat.v1.image.resize_bilinear(x, size, align_corners=True)


class ReleasedNetwork:
  """One of the two networks, with variables drawn as it runs."""

  def __init__(
    self, kind, backbone, filters, num_classes, seed=0, rates=(1, 2)
  ):
    self.scope, self.operations, self.indices = kind
    self.backbone = backbone
    self.filters = filters
    self.num_classes = num_classes
    self.rates = rates
    self.variables = Variables(seed=0)
    self.separable_head = False

  def norm(self, x, name, epsilon=1e-3):
    gamma, beta, mean, variance = (
      self.variables.draw(f'{name}/{part}', [x.shape[-1]])
      for part in ('gamma', 'beta', 'moving_mean', 'moving_variance')
    )
    return (x - mean) * gamma / tf.sqrt(variance + epsilon) + beta

  def conv(self, x, filters, size, name, stride=1, rate=1):
    kernel = self.variables.draw(name, [size, size, x.shape[-1], filters])
    return tf.nn.conv2d(x, kernel, stride, 'SAME', dilations=rate)

  def depthwise(self, x, size, name, stride=1, rate=1):
    kernel = self.variables.draw(name, [size, size, x.shape[-1], 1])
    return tf.nn.depthwise_conv2d(
      x, kernel, [1, stride, stride, 1], 'SAME', dilations=[rate, rate]
    )

  def operation(self, x, name, stride, place):
    filters = x.shape[-1]
    if name == 'none':
      if stride == 1:
        return x
      x = self.conv(tf.nn.relu(x), filters, 1, f'{place}/1x1/weights', stride)
      return self.norm(x, f'{place}/bn_1')
    size = int(name[1])
    window = f'{size}x{size}'
    if name[0] == 'm':
      return tf.nn.max_pool2d(x, size, stride, 'SAME')
    if name[0] == 'a':
      x = tf.nn.relu(x)
      if stride == 2:
        x = resize(x, [(n - 1) // 2 + 1 for n in x.shape[1:3]])
      x = self.conv(
        x,
        filters,
        size,
        f'{place}/atrous_{window}/weights',
        rate=2 if stride == 1 else 1,
      )
      return self.norm(x, f'{place}/bn_atr_{window}')
    for i in (1, 2):
      inside = f'{place}/separable_{window}_{i}'
      x = self.depthwise(
        tf.nn.relu(x), size, f'{inside}/depthwise_weights', stride
      )
      x = self.conv(x, filters, 1, f'{inside}/pointwise_weights')
      x = self.norm(x, f'{place}/bn_sep_{window}_{i}')
      stride = 1
    return x

  def cell(self, net, prev, filters, stride, place):
    prev = (
      prev if prev.shape[2] == net.shape[2] else resize(prev, net.shape[1:3])
    )
    if prev.shape[-1] != filters:
      prev = self.conv(
        tf.nn.relu(prev), filters, 1, f'{place}/prev_1x1/weights'
      )
      prev = self.norm(prev, f'{place}/prev_bn')
    net = self.conv(tf.nn.relu(net), filters, 1, f'{place}/1x1/weights')
    states = [self.norm(net, f'{place}/beginning_bn'), prev]
    for i in range(len(self.operations) // 2):
      terms = []
      for j, side in ((2 * i, 'left'), (2 * i + 1, 'right')):
        index = self.indices[j]
        terms.append(
          self.operation(
            states[index],
            self.operations[j],
            stride if index < 2 else 1,
            f'{place}/comb_iter_{i}/{side}',
          )
        )
      states.append(terms[0] + terms[1])
    return tf.concat(states[2:], -1)

  def head_conv(self, x, filters, size, name, rate=1, separable=None):
    if separable is not None and self.separable_head:
      place = f'{separable}_depthwise'
      x = self.depthwise(x, size, f'{place}/depthwise_weights', rate=rate)
      x = tf.nn.relu(self.norm(x, f'{place}/BatchNorm', 1e-5))
      size, rate, name = 1, 1, f'{separable}_pointwise'
    x = self.conv(x, filters, size, f'{name}/weights', rate=rate)
    return tf.nn.relu(self.norm(x, f'{name}/BatchNorm', 1e-5))

  def __call__(self, images):
    x = tf.constant(images) * 2 / 255 - 1
    x = self.conv(x, 64, 3, f'{self.scope}/conv0/weights', 2)
    x = tf.nn.relu(self.norm(x, f'{self.scope}/conv0_bn'))
    x = self.conv(x, 64, 3, f'{self.scope}/conv1/weights')
    outputs = [self.norm(x, f'{self.scope}/conv1_bn')]
    x = self.conv(
      tf.nn.relu(outputs[0]), 128, 3, f'{self.scope}/conv2/weights', 2
    )
    outputs.append(self.norm(x, f'{self.scope}/conv2_bn'))
    points = {'Stem': outputs[1]}
    level = 0
    for i, target in enumerate(self.backbone):
      net = outputs[-1]
      if target < level:
        net = resize(net, [2 * n - 1 for n in net.shape[1:3]])
      stride = 2 if target > level else 1
      level = target
      outputs.append(
        self.cell(
          net,
          outputs[-2],
          self.filters * 2**level,
          stride,
          f'{self.scope}/cell_{i}',
        )
      )
      points[f'Cell_{i}'] = outputs[-1]
    points['features'] = tf.nn.relu(outputs[-1])
    points['logits'] = self.head(points)
    return points

  def head(self, points):
    x = points['features']
    pooled = tf.reduce_mean(x, [1, 2], keepdims=True)
    pooled = self.head_conv(pooled, 256, 1, 'image_pooling')
    branches = [resize(pooled, x.shape[1:3])]
    branches.append(self.head_conv(x, 256, 1, 'aspp0'))
    for i, rate in enumerate(self.rates, start=1):
      name = f'aspp{i}'
      branches.append(self.head_conv(x, 256, 3, name, rate, separable=name))
    x = self.head_conv(tf.concat(branches, -1), 256, 1, 'concat_projection')
    down = next(i for i, n in enumerate(self.backbone) if n > 0)
    low = points['Stem' if down == 0 else f'Cell_{down - 1}']
    low = self.head_conv(low, 48, 1, 'decoder/feature_projection0')
    x = tf.concat([resize(x, low.shape[1:3]), low], -1)
    for i in range(2):
      x = self.head_conv(
        x,
        256,
        3,
        f'decoder/decoder_conv0/decoder_conv0_{i + 1}',
        separable=f'decoder/decoder_conv{i}',
      )
    bias = self.variables.draw('logits/semantic/biases', [self.num_classes])
    kernel = 'logits/semantic/weights'
    return self.conv(x, self.num_classes, 1, kernel) + bias
