"""`rank-correlation`: whether a supernet ranks as trainings do."""

from __future__ import annotations

from collections.abc import Sequence

from absl import flags

from deeplab_nas import errors
from deeplab_nas.cli import command
from deeplab_nas.cli import flags as flags_lib
from deeplab_nas.runtime import tensorflow_setup


def _define(values: flags.FlagValues) -> None:
  define = flags_lib.Definer(values)
  define.path('run_dir', None, 'Run folder of a search with a supernet.')
  define.path(
    'results',
    None,
    'Results of trainings: the run folder of a search by trials, its'
    ' candidates.json or ledger.db, or a table of trials (.jsonl).',
  )
  define.string('score', 'cross_entropy', 'Name of the score in the results.')
  define.integer(
    'steps', None, 'Of the trainings; else the longest.', lower_bound=1
  )
  define.integer(
    'num_genotypes',
    None,
    'How many of the architectures to score, from the first on; else all.',
    lower_bound=5,
  )
  define.integer(
    'recalibration_batches',
    8,
    'Batches of whole images of half A, over which batch-norm statistics are'
    ' taken for each architecture.',
    lower_bound=1,
  )
  define.integer(
    'num_images', None, 'Images of half B that score; else all.', lower_bound=1
  )
  define.path('data_dir', None, 'Where the data is; else where it was.')
  define.path(
    'output_dir',
    None,
    'Folder for the results; else eval/rank_correlation of the run.',
  )


def _main(values: flags.FlagValues, _: Sequence[str]) -> None:
  tensorflow_setup.silence()
  for name, example in (('run_dir', 'runs/search'), ('results', 'runs/random')):
    errors.require(
      bool(values[name].value),
      f'--{name} is missing, such as --{name}={example}.',
    )
  from deeplab_nas.search.ranking import run as ranking_run

  request = ranking_run.Request(
    **{name: values[name].value for name in ranking_run.Request.names()}
  )
  remedy = 'take a smaller data.batch_size in the search'
  with tensorflow_setup.memory_advice(remedy):
    print(ranking_run.run(request))


RANK_CORRELATION = command.Command(
  name='rank-correlation',
  summary='Says whether a supernet ranks architectures as trainings do.',
  define=_define,
  main=_main,
  examples=(
    (
      'rank-correlation',
      '--run_dir=runs/search',
      '--results=runs/random',
    ),
  ),
  text="""
runs/search is a search with search.strategy=first_order or another that shares
weights; runs/random one with search.strategy=random in the same space, whose
trials take their time. Every architecture that was trained is scored by the
weights of the supernet, with batch-norm statistics taken anew: half A gives
these, half B the score. Prints Kendall's tau of both rankings, of all
architectures and of the best fifth, with bootstrap intervals, and that of two
seeds where the results have several. Writes scores.jsonl, result.json and
result.png. The same command goes on with one that was stopped.
""",
)
