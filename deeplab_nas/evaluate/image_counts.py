"""What an evaluation counted in each image: all that scores are made of.

For each class how many pixels were right, labelled and predicted, once of all
pixels and once of those near a contour. The sum over some images gives every
score of these images but the confusion matrix.
"""

from __future__ import annotations

import csv
import dataclasses
import io
from collections.abc import Sequence

import numpy as np

from deeplab_nas import commands, errors
from deeplab_nas.evaluate import boundary

# Of the counts' second axis, and of the third.
PIXELS, CONTOURS = 0, 1
HITS, LABELLED, PREDICTED = 0, 1, 2


@dataclasses.dataclass(frozen=True)
class ImageCounts:
  """Counts of every image of an evaluation.

  Attributes:
    names: N names.
    counts: int64 [N, 2, 3, C], all pixels and those near a contour; hits,
      labelled and predicted.
    nats: float64 [N], cross-entropy, -log p(label) summed over the labelled
      pixels; None where it was not measured.
  """

  names: tuple[str, ...]
  counts: np.ndarray
  nats: np.ndarray | None = None

  @property
  def cross_entropy(self) -> float:
    """Nats per labelled pixel of all images; NaN where none was measured."""
    labelled = self.counts[:, PIXELS, LABELLED].sum()
    if self.nats is None or not labelled:
      return float('nan')
    return float(self.nats.sum() / labelled)

  def class_iou(self) -> np.ndarray:
    """float64 [N, C]; NaN where a class is neither labelled nor predicted."""
    return iou(self.counts[:, PIXELS])

  def to_csv(self, class_names: Sequence[str]) -> str:
    """A line for each image, the worst mean IoU first.

    Images without a labelled pixel have no score and come last.
    """
    ious = self.class_iou()
    pixels = self.counts[:, PIXELS]
    labelled = pixels[:, LABELLED].sum(1)  # [N]
    is_scored = labelled > 0
    means = np.where(is_scored, mean_of_known(ious), np.nan)
    accuracy = np.divide(
      pixels[:, HITS].sum(1),
      labelled,
      where=is_scored,
      out=np.full(len(labelled), np.nan),
    )
    stream = io.StringIO()
    table = csv.writer(stream, lineterminator='\n')
    table.writerow(
      ['image', 'miou', 'pixel_accuracy', 'labelled_pixels']
      + [f'iou_{name}' for name in class_names]
      + ['cross_entropy']
    )
    nats = np.full(len(labelled), np.nan) if self.nats is None else self.nats
    for i in np.argsort(means, kind='stable'):  # NaN sorts last
      shares = [means[i], accuracy[i]]
      table.writerow(
        [self.names[i], *map(cell, shares), labelled[i]]
        + [cell(x) if is_scored[i] else '' for x in ious[i]]
        + [cell(nats[i] / labelled[i]) if is_scored[i] else '']
      )
    return stream.getvalue()

  def to_bytes(self) -> bytes:
    """A NumPy file that `from_bytes` reads."""
    stream = io.BytesIO()
    arrays = {'names': np.array(self.names, str), 'counts': self.counts}
    if self.nats is not None:
      arrays['nats'] = self.nats
    np.savez_compressed(stream, **arrays)
    return stream.getvalue()

  @classmethod
  def from_bytes(cls, content: bytes, where: str) -> ImageCounts:
    """Reads what `to_bytes` wrote.

    Raises:
      UserError: If it is something else; `where` names it.
    """
    try:
      with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        names, counts = arrays['names'], arrays['counts']
        # Earlier releases did not measure it.
        nats = arrays.get('nats')
        columns = np.zeros(len(names)) if nats is None else nats
        is_whole = (
          names.dtype.kind == 'U'
          and counts.dtype.kind in 'iu'
          and columns.dtype.kind == 'f'
          and counts.ndim == 4
          and counts.shape[:3] == (len(names), 2, 3)
          and columns.shape == names.shape
        )
    # NumPy lets through what zipfile, zlib and its own parser raise.
    except Exception:
      is_whole = False
    if not is_whole:
      raise errors.UserError(
        f'{where} is damaged: evaluate that run again with'
        f' {commands.name("eval")}.'
      )
    return cls(tuple(names.tolist()), counts.astype(np.int64), nats)


def count(
  label: np.ndarray,
  prediction: np.ndarray,
  confusion: np.ndarray,
  ignore_label: int,
) -> np.ndarray:
  """The counts of one image, int64 [2, 3, C].

  What is ignored belongs to no class, neither as labelled nor as predicted, so
  that both have the same contour around it.

  Args:
    label: integers [H, W], below C or `ignore_label`.
    prediction: integers [H, W] below C.
    confusion: int64 [C, C] of the two.
    ignore_label: Pixels with this label are left out.
  """
  num_classes = len(confusion)
  is_ignored = label == ignore_label
  label, prediction = (
    np.where(is_ignored, num_classes, x).astype(np.uint16)
    for x in (label, prediction)
  )
  d = boundary.distance(*label.shape)
  is_near = [boundary.near_contour(x, d) for x in (label, prediction)]
  chosen = (
    label[is_near[0] & is_near[1] & (label == prediction)],
    label[is_near[0]],
    prediction[is_near[1]],
  )
  contours = [np.bincount(x, minlength=num_classes + 1)[:-1] for x in chosen]
  pixels = [np.diagonal(confusion), confusion.sum(1), confusion.sum(0)]
  return np.array([pixels, contours], np.int64)


def iou(counts: np.ndarray) -> np.ndarray:
  """float64 [..., C] of counts [..., 3, C]; NaN where nothing is to count."""
  hits = counts[..., HITS, :]
  union = counts[..., LABELLED, :] + counts[..., PREDICTED, :] - hits
  return np.where(union > 0, hits / np.where(union > 0, union, 1), np.nan)


def weighted_sums(weights: np.ndarray, counts: np.ndarray) -> np.ndarray:
  """Sums over images, as if each of them were there so many times.

  Args:
    weights: float64 [R, N].
    counts: int64 [N, 3, C].

  Returns:
    float64 [R, 3, C], exact below 2**53.
  """
  flat = counts.reshape(len(counts), -1).astype(np.float64)
  return (weights @ flat).reshape(len(weights), *counts.shape[1:])


def mean_of_known(values: np.ndarray) -> np.ndarray:
  """The mean over the last axis of what is not NaN; NaN of nothing."""
  is_known = ~np.isnan(values)
  number = is_known.sum(-1)
  total = np.where(is_known, values, 0).sum(-1)
  return np.where(number > 0, total / np.where(number > 0, number, 1), np.nan)


def cell(value: float) -> str:
  """A number in a CSV file; nothing for NaN."""
  return '' if np.isnan(value) else f'{value:.6f}'
