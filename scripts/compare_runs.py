r"""Compares two trained networks on the same images.

  python scripts/train.py --mode=eval --run_dir=runs/a
  python scripts/train.py --mode=eval --run_dir=runs/b
  python scripts/compare_runs.py runs/a runs/b

Prints the settings that differ, the IoU of each class with intervals, the
difference with its own, and what both networks cost. A folder of one
evaluation, such as runs/a/eval/val_flip, may stand in the place of a run's.
"""

from __future__ import annotations

from collections.abc import Sequence

from absl import flags

from deeplab_nas import errors
from deeplab_nas.evaluate import comparison, evaluated

FLAGS = flags.FLAGS
flags.DEFINE_string(
  'evaluation', '', 'The folder in eval/ of both runs, where one has several.'
)


def main(argv: Sequence[str]) -> None:
  paths = argv[1:]
  if len(paths) != 2:
    raise errors.UserError(
      f'{len(paths)} folders are given, expected two: python'
      ' scripts/compare_runs.py runs/a runs/b.'
    )
  a, b = (evaluated.Evaluated.load(x, FLAGS.evaluation) for x in paths)
  print(comparison.compare(a, b))


if __name__ == '__main__':
  errors.run(main, allow_arguments=True)
