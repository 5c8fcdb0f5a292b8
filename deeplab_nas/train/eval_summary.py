"""What an evaluation prints at its end, with the commands to go on with."""

from __future__ import annotations

from deeplab_nas import commands
from deeplab_nas.config import config as config_lib
from deeplab_nas.run import directory as run_directory
from deeplab_nas.train import eval_run


def summarize(
  run: run_directory.RunDirectory,
  config: config_lib.Config,
  found: eval_run.Evaluation,
) -> str:
  """Several lines for the terminal.

  Args:
    run: The training that was measured.
    config: The settings that it was measured with.
    found: What came of it.
  """
  return '\n'.join(
    (
      str(found.scores),
      '',
      *found.advice,
      f'Written to {found.folder}.',
      '',
      _next(run, config.eval),
    )
  )


def _next(
  run: run_directory.RunDirectory, settings: config_lib.EvalConfig
) -> str:
  """The exact commands, for the network as it was measured."""
  same = []
  if settings.checkpoint != config_lib.EvalConfig().checkpoint:
    same.append(f'--checkpoint={settings.checkpoint}')
  if settings.scales != config_lib.EvalConfig().scales:
    same.append(f'--scales={",".join(f"{x:g}" for x in settings.scales)}')
  if settings.flip:
    same.append('--flip')
  predict = commands.line(
    'predict',
    f'--model={run}',
    *same,
    '--images=photos',
    f'--output_dir={run.beside("predictions")}',
  )
  export = commands.line(
    'export', f'--run_dir={run}', *same, f'--export_dir={run.beside("models")}'
  )
  return (
    'Next, segment images of yours, a file or a folder in the place of'
    f' photos:\n  {predict}\n'
    f'Or export it, for TensorFlow Serving:\n  {export}'
  )
