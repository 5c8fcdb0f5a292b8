r"""Times the steps of a search on random images.

  python scripts/benchmark_search.py --table
  python scripts/benchmark_search.py --kind=weight --one_at_a_time --table \
      --num_layers=4,8,12 --filter_multiplier=4,8 --num_blocks=2,5 \
      --crop_size=65,129
  python scripts/benchmark_search.py --kind=weight \
      --set=runtime.inter_op_threads=1 --versus=runtime.inter_op_threads=2

Prints a line of JSON for each case: seconds of a step and until the first one
is done, memory, nodes of the graph, floating-point operations. A setting and
the one that it is compared with are run in alternation, each in a process of
its own. --kind=in_turn does a step of the weights and then a whole one in one
process, and says how many times as long the whole one takes. --kind=sampled
does a step of all weights and then one of what its sample touches, and says
which share of the time the second takes, at the start and later. --matrix_peak
says how much of the machine is used.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence

from absl import flags

from benchmarks import case as case_lib
from benchmarks import command, search_step
from deeplab_nas import errors
from deeplab_nas.cli import flags as flags_lib
from deeplab_nas.cli import main as cli
from deeplab_nas.config import config as config_lib
from deeplab_nas.runtime import tensorflow_setup

# Flag -> setting; these may be lists, whose combinations are all run.
_GRID = {
  'num_layers': 'space.num_layers={}',
  'filter_multiplier': 'space.filter_multiplier={}',
  'num_blocks': 'space.num_blocks={}',
  'crop_size': 'data.crop_size=[{0}, {0}]',
}
_SINGLE = {
  'batch_size': 'data.batch_size={}',
  'primitives': 'space.primitives={}',
}
_DEFAULT_CONFIG = 'paper_cityscapes'
_DEFAULT_CROP = '129'

FLAGS = flags.FLAGS
flags_lib.define_path(
  FLAGS,
  'config',
  None,
  "A YAML file or a preset. By default the paper's search, with crops of"
  f' {_DEFAULT_CROP} pixels.',
)
flags.DEFINE_list('num_layers', [], 'L, or several; else that of the config.')
flags.DEFINE_list(
  'filter_multiplier', [], 'F, or several; else that of the config.'
)
flags.DEFINE_list('num_blocks', [], 'B, or several; else that of the config.')
flags.DEFINE_list(
  'crop_size', [], 'Height and width of images, or several such numbers.'
)
flags.DEFINE_integer('batch_size', None, 'Images; else that of the config.')
flags.DEFINE_string('primitives', None, 'The operators, by their preset.')
flags.DEFINE_integer(
  'num_classes', 19, 'Classes of the random labels.', lower_bound=2
)
flags.DEFINE_list(
  'kind', ['weight', 'arch'], f'Steps: some of {", ".join(search_step.KINDS)}.'
)
flags.DEFINE_multi_string(
  'set', [], 'Changes a setting: section.key=value; may be repeated.'
)
flags.DEFINE_string(
  'versus',
  None,
  'Changes of settings, separated by commas, for a second case that is run in'
  ' alternation with the first.',
)
flags.DEFINE_boolean(
  'one_at_a_time',
  False,
  'Of lists of sizes, vary one at a time and keep the others at their first'
  ' value, instead of all combinations.',
)
command.define()


def main(_) -> None:
  tensorflow_setup.silence()
  for kind in FLAGS.kind:
    errors.require(
      kind in search_step.KINDS,
      f'--kind={kind} is unknown: use some of {", ".join(search_step.KINDS)}.',
    )
  # All are made, and their settings checked, before the first is run.
  command.run(list(_groups()))


def _groups() -> Iterator[list[case_lib.Case]]:
  """The cases of each combination of sizes."""
  single = [
    setting.format(FLAGS[name].value)
    for name, setting in _SINGLE.items()
    if FLAGS[name].value is not None
  ]
  for sizes in _combinations([_choices(name) for name in _GRID]):
    overrides = [*itertools.chain(*sizes), *single, *FLAGS['set'].value]
    for kind in FLAGS.kind:
      cases = [_case(kind, overrides)]
      if FLAGS.versus:
        cases.append(_case(kind, overrides, _split(FLAGS.versus)))
      yield cases


def _combinations(choices: Sequence[list]) -> Iterator[Sequence]:
  """Picks one of each list: all ways, or those --one_at_a_time asks for."""
  if not FLAGS.one_at_a_time:
    yield from itertools.product(*choices)
    return
  base = [values[0] for values in choices]
  yield base
  for i, values in enumerate(choices):
    for value in values[1:]:
      yield [*base[:i], value, *base[i + 1 :]]


def _choices(name: str) -> list[list[str]]:
  """The overrides for each value of a flag; one without any if it has none."""
  values = FLAGS[name].value
  if name == 'crop_size' and not values and FLAGS.config is None:
    values = [_DEFAULT_CROP]
  return [[_GRID[name].format(value)] for value in values] or [[]]


def _case(
  kind: str, overrides: Sequence[str], changes: Sequence[str] = ()
) -> case_lib.Case:
  settings = {
    'kind': kind,
    'num_classes': FLAGS.num_classes,
    'config': FLAGS.config or _DEFAULT_CONFIG,
    'overrides': [*overrides, *changes],
  }
  config = config_lib.load(settings['config'], settings['overrides'])
  sizes = search_step.sizes(config)
  name = (
    f'{kind} L={sizes["num_layers"]} F={sizes["filter_multiplier"]}'
    f' B={sizes["num_blocks"]} {sizes["primitives"]}'
    f' {sizes["batch_size"]}x{"x".join(map(str, sizes["crop_size"]))}'
  )
  return case_lib.Case(
    ' '.join([name, *(changes or FLAGS['set'].value)]),
    search_step.build,
    settings,
  )


def _split(text: str) -> list[str]:
  """Settings between commas; a value may have commas itself."""
  return re.split(r',\s*(?=\w+\.\w+\s*=)', text)


if __name__ == '__main__':
  cli.script_of_globals(main, 'scripts/benchmark_search.py', __doc__)
