"""`quickstart`: the whole way, from synthetic street scenes to predictions."""

from __future__ import annotations

import dataclasses
import pathlib
import subprocess
import sys
from collections.abc import Sequence

from absl import flags

from deeplab_nas import commands
from deeplab_nas.cli import command
from deeplab_nas.cli import flags as flags_lib


@dataclasses.dataclass(frozen=True)
class Step:
  """One of the commands.

  Attributes:
    title: What it does.
    name: The command, a key of `commands.SCRIPTS`.
    flags: Its command line.
  """

  title: str
  name: str
  flags: tuple[str, ...]


def steps(runs: pathlib.Path) -> tuple[Step, ...]:
  """Data, search, training of what was found, evaluation, export, prediction.

  Args:
    runs: Where all results go.
  """
  scenes, records = runs / 'street_scenes', runs / 'street_scenes_tfrecord'
  search, train, models = runs / 'search', runs / 'train', runs / 'models'
  run = ('--config=quickstart', f'--data_dir={records}', '--overwrite')
  return (
    Step(
      'drawing street scenes in the Cityscapes folder layout',
      'scenes',
      (f'--output_dir={scenes}',),
    ),
    Step(
      'converting them to TFRecord',
      'convert cityscapes',
      (f'--data_dir={scenes}', f'--output_dir={records}'),
    ),
    Step(
      'searching for an architecture, by trainings of many',
      'search',
      (*run, '--set=search.strategy=halving', f'--run_dir={search}'),
    ),
    Step(
      'training the network that was found',
      'train',
      (*run, f'--genotype={search}', f'--run_dir={train}'),
    ),
    Step('evaluating it', 'eval', (f'--run_dir={train}',)),
    Step(
      'exporting it for TF Serving',
      'export',
      (
        f'--run_dir={train}',
        f'--export_dir={models}',
        '--outputs=classes,mask_png_bytes',
      ),
    ),
    Step(
      'predicting with the exported model',
      'predict',
      (
        f'--model={models}',
        f'--images={scenes}/leftImg8bit/val',
        f'--output_dir={runs}/predictions',
        '--overwrite',
      ),
    ),
  )


def _define(values: flags.FlagValues) -> None:
  flags_lib.Definer(values).path(
    'runs', 'runs/quickstart', 'Folder for all results.'
  )


def _main(values: flags.FlagValues, _: Sequence[str]) -> int:
  runs = pathlib.Path(values.runs)
  todo = steps(runs)
  for i, step in enumerate(todo):
    print(f'\n== Step {i + 1} of {len(todo)}: {step.title}', flush=True)
    print(f'   {commands.line(step.name, *step.flags)}', flush=True)
    # Processes of their own: TensorFlow gives memory back with its process.
    code = subprocess.call(
      [
        sys.executable,
        '-m',
        'deeplab_nas.cli.main',
        *step.name.split(),
        *step.flags,
      ]
    )
    if code:
      return code if code > 0 else 128 - code
  summary = (runs / 'search' / 'summary.txt').read_text('utf-8')
  answer = summary.partition('\n\n')[0]
  print(
    f'\n== Done\n{answer}\n\n'
    f'The architecture:  {runs}/search/genotype.json\n'
    f'Its picture:       {runs}/search/pictures/genotype.png\n'
    f'All that it tried: {runs}/search/pictures/trials.png\n'
    f'Its scores:        {runs}/train/eval/val/classes.csv\n'
    f'The served model:  {runs}/models\n'
    f'What it sees:      {runs}/predictions/contact_sheet.png'
  )
  return 0


QUICKSTART = command.Command(
  name='quickstart',
  summary='The whole way on synthetic street scenes, in some seven minutes.',
  define=_define,
  main=_main,
  examples=(('quickstart', '--runs=runs/quickstart'),),
  text="""
Draws scenes, converts them, searches, trains what was found, evaluates,
exports and predicts, on two cores; the line of each command is printed. At the
end it says how what the search found compares with random architectures, and
with a prediction that does not look at the image.
""",
)
