"""What each command names as the next is run as it is printed, to the end.

Search, training, evaluation, prediction and export, for every preset that can
be searched or trained with. Only sizes and steps are made small.
"""

from __future__ import annotations

import pathlib
import shlex

import pytest

from deeplab_nas.config import auto, presets
from tests import command

# Of the search; what a training has a use for is in what is printed next.
TINY_SEARCH = (
  'space.num_layers=1',
  'space.num_blocks=1',
  'space.filter_multiplier=2',
  'search.epochs=1',
  'search.steps_per_epoch=1',
  'search.arch_start_epoch=0',
  'data.crop_size=[33, 33]',
  'data.batch_size=2',
  'data.b_fraction=0.5',
  'runtime.num_panels=1',
)
FEW_STEPS = ('--set=train.epochs=1', '--set=train.steps_per_epoch=1')


def next_line(text, name):
  """The words of the one line with this command."""
  (line,) = [
    line
    for line in text.splitlines()
    if line.startswith(f'  deeplab-nas {name} ')
  ]
  return shlex.split(line)[1:]


def run(*words):
  """Runs a command to its end; returns what it prints."""
  result = command.program(*words)
  assert result.returncode == 0, result.stderr
  return result.stdout


def search(name, records, folder):
  return run(
    'search',
    f'--config={name}',
    f'--data_dir={records}',
    f'--run_dir={folder}',
    *(f'--set={setting}' for setting in TINY_SEARCH),
  )


def in_place_of(placeholder, words, path):
  """The same words, with a file of one's own."""
  assert placeholder in words
  return [path if word == placeholder else word for word in words]


# The README's road is that of auto; other presets differ in numbers alone.
NAMES = [
  auto.NAME,
  pytest.param('paper_cityscapes', marks=pytest.mark.slow),
  *(
    pytest.param(name, marks=pytest.mark.soak)
    for name in presets.PRESETS
    if name != 'paper_cityscapes'
  ),
]


@pytest.mark.parametrize('name', NAMES)
def test_from_a_search_to_an_export(name, records, tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  found = search(name, records, 'a search')
  run(*next_line(found, 'pick'))
  trained = run(*next_line(found, 'train'), *FEW_STEPS)
  measured = run(*next_line(trained, 'eval'))
  photo = f'--images={records}/../folder/images/image0.png'
  run(*in_place_of('--images=photos', next_line(measured, 'predict'), photo))
  masks = pathlib.Path('a search_train_predictions', 'masks')
  assert [path.name for path in masks.iterdir()] == ['image0.png']
  if name == auto.NAME:  # an export knows nothing of presets
    exported = run(*next_line(measured, 'export'), '--num_check_images=0')
    assert 'Exported a search_train_models/1\n' in exported
