"""Parts of a split, by the names of its examples alone.

What is held out is not trained on: a run takes its decisions there. The rest
has two halves, A and B, for a search, or two parts of another ratio. A hash of
the name decides, so the parts are the same on every machine.
"""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from deeplab_nas.data import pipeline_config

HALVES = ('a', 'b')
HELD_OUT = 'held_out'
# Examples up to which a hash may leave a half nearly empty.
_FEW = 64


def half_of(name: str) -> str:
  """'a' or 'b': the half of the training data an example belongs to.

  Decided by a hash (FarmHash fingerprint) of the name alone, so it does not
  change when examples are added.
  """
  return HALVES[int(tf.strings.to_hash_bucket_fast(name, len(HALVES)))]


def halves(names: Sequence[str]) -> dict[str, str]:
  """'a' or 'b' by the name of every example.

  That is `half_of`, but for a few examples of which that would give a half
  less than a third: these take turns, in the order of a longer hash.
  """
  names = list(dict.fromkeys(names))
  if not names:
    return {}
  buckets = tf.strings.to_hash_bucket_fast(names, len(HALVES)).numpy()
  chosen = {name: HALVES[bucket] for name, bucket in zip(names, buckets)}
  least = min(list(chosen.values()).count(half) for half in HALVES)
  if 1 < len(chosen) <= _FEW and 3 * least < len(chosen):
    ranked = _ranked(names)
    return {name: HALVES[i % 2] for i, name in enumerate(ranked)}
  return chosen


def held_out(names: Sequence[str], fraction: float) -> frozenset[str]:
  """Names of the examples that are not trained on.

  Those that come first by a hash: a larger fraction holds out these and others.

  Args:
    names: All examples of the split.
    fraction: In [0, 1), of them; above 0 at least one is held out.
  """
  names = list(dict.fromkeys(names))
  if not fraction or not names:
    return frozenset()
  return frozenset(_ranked(names)[: max(1, round(fraction * len(names)))])


def members(
  names: Sequence[str], subset: str | None, shares: pipeline_config.Shares
) -> list[str]:
  """The examples of a part, in the order of `names`.

  Args:
    names: All examples of the split.
    subset: 'held_out'; 'a' or 'b', a half of what is not held out; or None for
      both halves.
    shares: How large the parts are. Halves of different size, each of which has
      an example if there are two, come by the hash that holds out.
  """
  apart = held_out(names, shares.held_out)
  if subset == HELD_OUT:
    return [name for name in names if name in apart]
  rest = [name for name in names if name not in apart]
  if subset is None:
    return rest
  if shares.b == pipeline_config.Shares().b:
    chosen = halves(rest)
  else:
    count = min(max(1, round(shares.b * len(rest))), len(rest) - 1)
    in_b = frozenset(_ranked(rest)[: max(count, 0)])
    chosen = {name: HALVES[name in in_b] for name in rest}
  return [name for name in rest if chosen[name] == subset]


def _ranked(names: Sequence[str]) -> list[str]:
  """In the order of a hash."""
  hashes = tf.strings.to_hash_bucket_fast(list(names), 2**62).numpy()
  return [name for _, name in sorted(zip(hashes.tolist(), names))]
