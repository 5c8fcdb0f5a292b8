"""The loss of an architecture, as an ensemble of small networks predicts it.

Reference:
  Liu et al., Progressive neural architecture search, Sec. 4.2,
  https://arxiv.org/abs/1712.00559
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
from sklearn import exceptions, neural_network

from deeplab_nas.search.trials.learnt import features, recurrent
from deeplab_nas.space import cell_space, search_space
from deeplab_nas.space import genotype as genotype_lib

# Members of the ensemble, each of which is trained without a fifth.
NUM_MEMBERS = 5
_UNITS = 32
_LSTM_STEPS = 60
_LSTM_RATE = 0.01
_MLP_UNITS = (20, 20)
_MLP_DECAY = 0.1
_MLP_STEPS = 100


class Ensemble:
  """Five LSTMs, five MLPs, or both; their mean is the prediction.

  An LSTM reads the tokens of an architecture, the level of each layer and then
  source and primitive of each term, each through an embedding of its own; a
  linear layer on its last output gives the loss, and the L1 loss is descended
  by Adam. An MLP reads simple features (`features.Features`), most of them
  shares of tokens.

  Differs from the paper, where the MLP reads the mean of learnt embeddings, and
  where sequences are as long as the cell has blocks so far: here a predictor
  sees the network that is trained, which is complete. The widths, rates and
  numbers of steps are ours, for dozens of trials.
  """

  def __init__(self, space: search_space.SearchSpace, kind: str):
    """Nothing is learnt yet.

    Args:
      space: Of the architectures.
      kind: 'lstm', 'mlp' or 'both'.
    """
    self._described = features.Features(space)
    self._tokens = Tokens(space)
    self._kind = kind

  def fit(
    self, genotypes: Sequence[genotype_lib.Genotype], losses: np.ndarray
  ) -> None:
    """Learns anew from these alone, the same of the same.

    Args:
      genotypes: At least one.
      losses: Float [N].
    """
    self._mean, self._sd = np.mean(losses), np.std(losses) or 1.0
    values = (np.asarray(losses) - self._mean) / self._sd
    order = np.random.default_rng(0).permutation(len(values))
    folds = np.empty(len(values), int)
    folds[order] = np.arange(len(values)) % NUM_MEMBERS
    kept = folds != np.arange(NUM_MEMBERS)[:, None]  # [members, N]
    if len(values) < NUM_MEMBERS:
      kept[:] = True
    if self._kind != 'mlp':
      self._lstm = _trained(
        self._tokens(genotypes), values, kept, self._tokens.count
      )
    if self._kind != 'lstm':
      rows = self._described(genotypes)
      sd = rows.std(axis=0)
      self._center, self._scale = rows.mean(axis=0), np.where(sd > 0, sd, 1)
      rows = (rows - self._center) / self._scale
      self._mlps = [
        _mlp(rows[member], values[member], seed)
        for seed, member in enumerate(kept)
      ]

  def predict(self, genotypes: Sequence[genotype_lib.Genotype]) -> np.ndarray:
    """The expected losses, float [N]."""
    found = []
    if self._kind != 'mlp':
      tokens = self._tokens(genotypes)
      found += list(_values(self._lstm, tokens)[0].astype(np.float64))
    if self._kind != 'lstm':
      rows = (self._described(genotypes) - self._center) / self._scale
      found += [mlp.predict(rows) for mlp in self._mlps]
    return self._mean + self._sd * np.mean(found, axis=0)


class Tokens:
  """Architectures as sequences of whole numbers, all of one length.

  Attributes:
    count: How many different numbers there are.
  """

  def __init__(self, space: search_space.SearchSpace):
    levels = [f'level {i}' for i in range(space.lattice.num_levels)]
    sources = cell_space.source_names(space.cell.num_blocks)
    names = [*levels, *sources, *(p.name for p in space.cell.primitives)]
    self._numbers = {name: i for i, name in enumerate(names)}
    self.count = len(names)

  def __call__(self, genotypes: Sequence[genotype_lib.Genotype]) -> np.ndarray:
    """Integers [N, L + 4B], less than `count`."""
    return np.array(
      [
        [
          *(self._numbers[f'level {level}'] for level in genotype.path),
          *(
            self._numbers[name]
            for block in genotype.cell
            for term in block
            for name in term
          ),
        ]
        for genotype in genotypes
      ]
    )


def _trained(
  tokens: np.ndarray, values: np.ndarray, kept: np.ndarray, count: int
) -> recurrent.Weights:
  """The weights of all members, their first axis.

  Args:
    tokens: Integers [N, T].
    values: Float [N].
    kept: Bool [members, N], what a member learns from.
    count: Of different tokens.
  """
  rng = np.random.default_rng(0)
  made = [
    {
      **recurrent.initial(_UNITS, _UNITS, rng, 0.2),
      'embedding': rng.uniform(-0.5, 0.5, [count, _UNITS]),
      'last': np.zeros([_UNITS, 1]),
      'offset': np.zeros([1]),
    }
    for _ in kept
  ]
  stacked = {name: np.stack([m[name] for m in made]) for name in made[0]}
  adam = recurrent.Adam(recurrent.light(stacked), _LSTM_RATE)
  values = values.astype(np.float32)
  shares = (kept / kept.sum(axis=1, keepdims=True)).astype(np.float32)
  for _ in range(_LSTM_STEPS):
    weights = adam.weights
    found, outputs, steps = _values(weights, tokens)
    slopes = np.sign(found - values) * shares  # of the L1 loss, [members, N]
    by_outputs = np.zeros_like(outputs)
    by_outputs[:, -1] = slopes[..., None] * weights['last'][:, None, :, 0]
    by_weights, by_inputs = recurrent.gradients(weights, steps, by_outputs)
    by_embedding = np.zeros_like(weights['embedding'])
    for member, gradient in zip(by_embedding, by_inputs):
      np.add.at(member, tokens.T, gradient)
    adam.update(
      {
        **by_weights,
        'embedding': by_embedding,
        'last': np.swapaxes(outputs[:, -1], 1, 2) @ slopes[..., None],
        'offset': slopes.sum(axis=1, keepdims=True),
      }
    )
  return adam.weights


def _values(
  weights: recurrent.Weights, tokens: np.ndarray
) -> tuple[np.ndarray, np.ndarray, list]:
  """Predictions [members, N], outputs [members, T, N, H], and the steps."""
  inputs = weights['embedding'][:, tokens.T]
  outputs, steps = recurrent.run(weights, inputs)
  values = (outputs[:, -1] @ weights['last'])[..., 0] + weights['offset']
  return values, outputs, steps


def _mlp(
  rows: np.ndarray, values: np.ndarray, seed: int
) -> neural_network.MLPRegressor:
  found = neural_network.MLPRegressor(
    hidden_layer_sizes=_MLP_UNITS,
    alpha=_MLP_DECAY,
    solver='lbfgs',
    max_iter=_MLP_STEPS,
    random_state=seed,
  )
  with warnings.catch_warnings():
    # To stop early is what regularises.
    warnings.simplefilter('ignore', exceptions.ConvergenceWarning)
    return found.fit(rows, values)
