"""What a split holds, undecoded: how many examples, their names and sizes.

`input_pipeline` makes batches of them.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from deeplab_nas import errors
from deeplab_nas.data import (
  dataset_info,
  example_schema,
  pipeline_config,
  shards,
  subsets,
)

_HALVES = pipeline_config.Shares()


def count_subsets(
  data_dir: str | os.PathLike,
  split: str,
  shares: pipeline_config.Shares = _HALVES,
) -> dict[str, int]:
  """Number of examples of each half of what is trained on."""
  names = file_names(data_dir, split)
  return {
    half: len(subsets.members(names, half, shares)) for half in subsets.HALVES
  }


def count_trained(
  data_dir: str | os.PathLike,
  split: str,
  shares: pipeline_config.Shares = _HALVES,
) -> int:
  """Number of examples of a split that are trained on."""
  if not shares.held_out:
    return sum(shards.counts(data_dir, split).values())
  names = file_names(data_dir, split)
  return len(subsets.members(names, None, shares))


def file_names(data_dir: str | os.PathLike, split: str) -> list[str]:
  """Names of the examples of a split, in the order of `eval_dataset`."""
  return _listed(undecoded(shards.find(data_dir, split)))


def _listed(features: tf.data.Dataset) -> list[str]:
  names = names_of(features).as_numpy_iterator()
  return [name.decode('utf-8') for name in names]


def names_of(features: tf.data.Dataset) -> tf.data.Dataset:
  """The names, string [], of undecoded examples."""
  return features.map(lambda x: x[example_schema.FILE_NAME])


def max_size(
  data_dir: str | os.PathLike, split: str, info: dataset_info.DatasetInfo
) -> tuple[int, int]:
  """Largest (height, width) of a split, from `info` or else the records."""
  if split in info.splits:
    return info.splits[split].max_size
  heights, widths = image_sizes(data_dir, split).T
  return int(heights.max()), int(widths.max())


def image_sizes(data_dir: str | os.PathLike, split: str) -> np.ndarray:
  """int [N, 2], height and width of every image, as its record says."""
  sizes = undecoded(shards.find(data_dir, split)).map(
    lambda features: tf.stack(
      [features[example_schema.HEIGHT], features[example_schema.WIDTH]]
    )
  )
  return np.stack(list(sizes.as_numpy_iterator()))


def part(
  data_dir: str | os.PathLike,
  split: str,
  paths: Sequence[str | os.PathLike],
  subset: str | None,
  shares: pipeline_config.Shares,
) -> tuple[int, list[str] | None]:
  """Number and names (None for all) of the examples of a part.

  Args:
    data_dir: For messages, as `split`.
    split: Name of the split.
    paths: Its shards.
    subset: 'a' or 'b' for one half of what is not held out, `subsets.HELD_OUT`
      for what is, None for both halves.
    shares: How large the parts are.

  Raises:
    UserError: If there are none.
  """
  if subset is None and not shares.held_out:
    size = sum(shards.count_records(path) for path in paths)
    errors.require(size > 0, f'Split {split} of {data_dir} has no examples.')
    return size, None
  known = (*subsets.HALVES, subsets.HELD_OUT, None)
  errors.require(subset in known, f'Unknown subset {subset!r}: known are a, b.')
  names = _listed(undecoded(paths))
  chosen = subsets.members(names, subset, shares)
  if chosen:
    return len(chosen), chosen
  if shares.held_out:
    raise errors.UserError(
      f'Split {split} of {data_dir} has {len(names)} examples, too few to hold'
      f' out {shares.held_out:g} of them: set data.held_out_fraction to 0, or'
      ' use a larger split.'
    )
  counts = count_subsets(data_dir, split, shares)
  raise errors.UserError(
    f'Half {subset} of split {split} of {data_dir} has no examples (a:'
    f' {counts["a"]}, b: {counts["b"]}): the search needs a larger split.'
  )


def undecoded(
  paths: Sequence[str | os.PathLike],
  names: Sequence[str] | None = None,
  seed: int | None = None,
) -> tf.data.Dataset:
  """Parsed records, in order or, with a seed, with shards shuffled.

  Args:
    paths: The shards.
    names: Of the examples that are wanted; None for all.
    seed: None for no shuffle.

  Returns:
    The features of each example, see `example_schema.parse_features`.
  """
  files = tf.data.Dataset.from_tensor_slices([os.fspath(p) for p in paths])
  if seed is not None:
    files = files.shuffle(len(paths), seed, reshuffle_each_iteration=True)
  records = files.flat_map(tf.data.TFRecordDataset)
  examples = records.map(example_schema.parse_features)
  if names is None:
    return examples
  wanted = _fingerprint(tf.constant(names))
  return examples.filter(
    lambda features: tf.reduce_any(
      _fingerprint(features[example_schema.FILE_NAME]) == wanted
    )
  )


def _fingerprint(names: tf.Tensor) -> tf.Tensor:
  """int64, equal for equal names."""
  return tf.strings.to_hash_bucket_fast(names, 2**62)
