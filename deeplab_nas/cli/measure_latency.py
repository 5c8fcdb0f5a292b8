"""`measure_latency`: how long operations take on this machine, as a table."""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
import time
from collections.abc import Iterator, Sequence

from absl import flags, logging

from deeplab_nas import commands, errors
from deeplab_nas.cli import command, size_flag
from deeplab_nas.cli import flags as flags_lib
from deeplab_nas.config import config as config_lib
from deeplab_nas.data import dataset_info
from deeplab_nas.run import directory as run_directory
from deeplab_nas.runtime import other_load, tensorflow_setup
from deeplab_nas.space import cost, genotype_source, latency

_MIN_SIDE = 33  # pixels; below, features of all strides are one size
# Around F of the settings: what lies between is interpolated.
_GRID = (1 / 2, 5 / 8, 3 / 4, 7 / 8, 1, 5 / 4, 3 / 2, 7 / 4, 2)
_MAX_OTHER_LOAD = 0.1  # share of all cores


def _define(values: flags.FlagValues) -> None:
  define = flags_lib.Definer(values)
  define.path(
    'run_dir', None, 'Run folder, whose space, network and classes are taken.'
  )
  define.path('config', None, 'Without a run folder: a YAML file or a preset.')
  define.multi_string(
    'set', [], 'Changes a setting: section.key=value; may be repeated.'
  )
  define.integer(
    'num_classes', 19, 'Without a run folder: classes.', lower_bound=1
  )
  define.string(
    'image_size',
    None,
    'Height x width of the images, such as 360x480; else of the crops.',
  )
  define.list(
    'widths',
    [],
    'Each F to time, between which is interpolated; else from half to twice'
    ' network.filter_multiplier. One is enough for pick from a search by'
    ' gradients.',
  )
  define.list(
    'stem_and_head',
    ['1'],
    'Shares of the filters of stem and head to time as well; esnac takes'
    ' narrower ones.',
  )
  define.paths('genotypes', [], 'Only what these need; else the whole space.')
  define.integer(
    'threads', 0, 'Threads of TensorFlow; 0 for all cores.', lower_bound=0
  )
  define.integer('repeats', 20, 'Runs of which the median is taken.', 1)
  define.integer(
    'rounds', 3, 'How often all of it is timed, of which the median again.', 1
  )
  define.integer(
    'calibrate',
    8,
    'Random networks that are timed whole, to correct the level of the table;'
    ' 0 for none.',
    lower_bound=0,
  )
  define.path('output', 'latency.json', 'Table to write, or to go on with.')
  define.boolean('overwrite', False, 'Start a table that is there anew.')
  define.integer(
    'check',
    0,
    'Compare the table with the clock on so many random networks.',
    lower_bound=0,
  )
  define.integer('seed', 0, 'Of these networks.', lower_bound=0)


def _main(values: flags.FlagValues, _: Sequence[str]) -> None:
  output = pathlib.Path(values.output)
  model = _model(values)
  widths = _widths(values.widths, model.space.filter_multiplier)
  narrow = [model.with_stem_and_head(share) for share in _shares(values)]
  genotypes = [genotype_source.read(path) for path in values.genotypes] or None
  try:
    ops = latency.required_operations(
      [
        _layers(each.with_filter_multiplier(width))
        for each in narrow
        for width in widths
      ],
      genotypes,
    )
  except ValueError as error:
    raise errors.UserError(f'Nothing can be measured: {error}.') from error
  # Imported late: it takes seconds, and a typing mistake shows before.
  from deeplab_nas.timing import measurement

  tensorflow_setup.use_cpu(values.threads)
  place = measurement.Place.here(model.image_size, values.threads)
  output.parent.mkdir(parents=True, exist_ok=True)
  measured = measurement.Measurement(
    ops, place, output, values.repeats, values.rounds
  )
  if values.overwrite:
    measured.forget()
  table = _table(measured, model, values.calibrate, widths, genotypes)
  print(
    f'{output} times {len(table.milliseconds)} operations on'
    f' {table.place_text()}, for images of'
    f' {size_flag.format(table.image_size)} pixels; a network takes'
    f' {table.factor:.3f} times their sum.'
  )
  if place.threads > 1:
    logging.warning(
      'Operations were timed one after another, and with %d threads a network'
      ' computes some at once: to compare architectures, measure with'
      ' --threads=1.',
      place.threads,
    )
  if values.check:
    timed = dataclasses.replace(model, latencies=table)
    _check(timed, values, widths, genotypes)


def _table(measured, model, calibrate, widths, genotypes):
  """Measures what is missing, and the factor of a table that has none."""
  from deeplab_nas.timing import calibration

  is_new = bool(measured.missing())
  with contextlib.ExitStack() as stack:
    if is_new:
      stack.enter_context(_quiet_expected('the table'))
    table = measured.run()
    if not calibrate or table.factor != 1:
      return table
    if not is_new:
      stack.enter_context(_quiet_expected('the table'))
    try:
      table = calibration.calibrate(
        table, model, calibrate, (min(widths), max(widths)), genotypes
      )
    except ValueError as error:
      raise errors.UserError(
        f'The table is there, but no network to correct its level: {error}.'
        ' Go on without by --calibrate=0.'
      ) from error
    table.save(measured.path)
  return table


def _check(timed, values, widths, genotypes) -> None:
  """Prints the table against the clock."""
  from deeplab_nas.timing import calibration, check

  num, limits = values.check, (min(widths), max(widths))
  try:
    drawn = check.draw(timed, num, limits, values.seed, genotypes)
    others = calibration.draw(timed, values.calibrate, limits, genotypes)
    with _quiet_expected('the clock'):
      compared = check.compare([*drawn, *others])
  except ValueError as error:
    raise errors.UserError(f'Nothing can be compared: {error}.') from error
  print(check.describe(compared[:num]))
  if others:
    print(calibration.describe_level(compared[:num], compared[num:]))


@contextlib.contextmanager
def _quiet_expected(what: str) -> Iterator[None]:
  """Says if other programs kept the machine busy meanwhile."""
  load, before = other_load.OtherLoad(), time.process_time()
  yield
  share = load.share(time.process_time() - before)
  if share is not None and share > _MAX_OTHER_LOAD:
    logging.warning(
      'Other programs had %.0f %% of the machine: the times of %s are too long'
      ' and differ. Measure again when it is quiet.',
      100 * share,
      what,
    )


def _model(values: flags.FlagValues) -> cost.CostModel:
  """What the run folder or the settings say."""
  errors.require(
    bool(values.run_dir) != bool(values.config),
    'Say what to measure with --run_dir=DIR, the folder of a run, or with'
    ' --config=FILE and --num_classes: one of both.',
  )
  if values.run_dir:
    errors.require(
      not values['num_classes'].present,
      '--num_classes is for --config alone: a run folder says it itself.',
    )
    config, num_classes = _of_run(values)
  else:
    config = config_lib.load(values.config, values['set'].value)
    num_classes = values.num_classes
  size = size_flag.parse('image_size', values.image_size)
  size = size or config.data.crop_size
  errors.require(
    min(size) >= _MIN_SIDE,
    f'Images of {size_flag.format(size)} pixels are too small to be told apart'
    f' from their features: give an --image_size of {_MIN_SIDE} and more.',
  )
  return config.network.cost_model(config.space.build(), num_classes, size)


def _of_run(values: flags.FlagValues) -> tuple[config_lib.Config, int]:
  """Its settings and its number of classes."""
  run = run_directory.RunDirectory(values.run_dir)
  errors.require(
    run.is_started and run.config.is_file(),
    f'{run} is no run folder: give the --run_dir of'
    f' {commands.name("search")} or {commands.name("train")}.',
  )
  config = config_lib.load(str(run.config), values['set'].value)
  source = run.dataset if run.dataset.is_file() else config.data.dir
  info = dataset_info.DatasetInfo.load(source, config.data.dataset or None)
  return config, info.num_classes


def _widths(texts: Sequence[str], width: float) -> list[float]:
  """Each F to time, rising."""
  if not texts:
    return sorted({max(share * width, 1) for share in _GRID})
  try:
    found = sorted({float(text) for text in texts})
  except ValueError:
    found = []
  errors.require(
    bool(found) and all(1 <= each <= 4096 for each in found),
    f'--widths={",".join(texts)} is refused: give numbers of at least 1, such'
    ' as --widths=4,6,8.',
  )
  return found


def _shares(values: flags.FlagValues) -> list[float]:
  """Of the filters of stem and head."""
  try:
    found = sorted({float(text) for text in values.stem_and_head})
  except ValueError:
    found = []
  errors.require(
    bool(found) and all(0 < each <= 1 for each in found),
    f'--stem_and_head={",".join(values.stem_and_head)} is refused: give shares'
    ' of the filters, such as --stem_and_head=0.25,0.5,1.',
  )
  return found


def _layers(model: cost.CostModel):
  """Those of the networks, with projections that other widths have."""
  return dataclasses.replace(model.layers, prev_prev_projections=True)


MEASURE_LATENCY = command.Command(
  name='measure_latency',
  summary='Times the operations of networks on this machine, for pick.',
  define=_define,
  main=_main,
  examples=(
    (
      'measure_latency',
      '--run_dir=runs/search',
      '--image_size=360x480',
      '--threads=1',
      '--output=latency.json',
    ),
    (
      'pick',
      '--run_dir=runs/search',
      '--latency_table=latency.json',
      '--max_latency_ms=100',
    ),
  ),
  text="""
Times every operation that a network of the space may have as an exported
network computes it, on the CPU: for one image, batch norm folded. Takes minutes
on a machine that does nothing else. What was timed is kept: a command that was
killed goes on when it is given again, and one with other --widths or settings
adds to the table. A table is of one machine, image size and number of threads,
and of the versions of TensorFlow and NumPy that it names.

With --check=30 the table then predicts 30 random networks of different widths,
which it has not seen, and the clock times them in turn.
""",
)
