"""`search`, `train`, `eval`: what they refuse, and what they leave."""

from __future__ import annotations

import pytest
import yaml

from tests import command
from tests.search.trials.results import candidates_test

DATASET = (
  '{"name": "tiny", "version": 1, "class_names": ["a", "b"],'
  ' "palette": [[0, 0, 0], [9, 9, 9]], "ignore_label": 255, "splits": {},'
  ' "mean_pixel": [1, 2, 3]}'
)
# Its length, 0, the checksum of that, and a place for that of its contents.
EMPTY_RECORD = bytes(8) + bytes.fromhex('29039807') + bytes(4)


def run(*flags):
  return command.here('scripts/train.py', *flags)


def refusal(*flags):
  return command.refusal(run(*flags))


@pytest.fixture
def data(tmp_path):
  """A folder that looks like a dataset until it is read."""
  folder = tmp_path / 'data'
  folder.mkdir()
  (folder / 'dataset.json').write_text(DATASET)
  for split in ('train', 'val'):
    (folder / f'{split}-00000-of-00001.tfrecord').write_bytes(EMPTY_RECORD)
  return folder


@pytest.mark.parametrize(
  'flags, part',
  [
    ([], 'Choose the settings with --config'),
    (['--mode=train'], 'Choose the settings with --config'),
    (['--mode=train', '--config=quickstart'], 'with --genotype=FILE'),
    (
      ['--mode=train', '--config=quickstart', '--genotype=zoo:nothing'],
      'known are auto_deeplab',
    ),
    (
      ['--mode=train', '--config=quickstart', '--genotype=missing.json'],
      'No such file',
    ),
    (
      ['--mode=train', '--config=quickstart', '--genotype=zoo:auto_deeplab'],
      'Say where the data is with --data_dir',
    ),
    (
      ['--config=quickstart', '--set=network.aspp_rates=[0]'],
      'a list, each a whole number, at least 1.',
    ),
    (['--mode=eval'], 'Say which training to evaluate with --run_dir'),
    (['--mode=eval', '--resume'], '--mode=eval takes no --resume'),
    (['--genotype=zoo:x'], '--mode=search takes no --genotype'),
    (
      ['--config=quickstart', '--init_from=runs/train'],
      'search.strategy is first_order. Set it, or leave --init_from out.',
    ),
    (
      ['--config=quickstart', '--set=search.budget=30m', '--print_config'],
      'search.budget is a setting of searches by trials',
    ),
    (
      [
        '--config=quickstart',
        '--set=search.strategy=random',
        '--set=space.partial_channels=2',
        '--print_config',
      ],
      'space.partial_channels is of a supernet, which search.strategy=random',
    ),
    (['--mode=fly'], '--mode=fly is unknown'),
    (['--config=missing.yaml'], 'neither a file nor a preset'),
    (['--config=quickstart'], 'Say where the data is with --data_dir'),
    (['--config=quickstart', '--data_dir=/missing'], 'is not at /missing'),
    (
      ['--config=quickstart', '--set=search.epoch=3'],
      'did you mean search.epochs?',
    ),
    (
      ['--config=quickstart', '--set=search.epochs=0'],
      'search.epochs is 0, expected a whole number, at least 1.',
    ),
    (['--config', 'quickstart', '=', '3'], "Unexpected argument '='"),
  ],
)
def test_mistakes_get_a_sentence(flags, part):
  assert part in refusal(*flags)


def test_a_missing_run_dir_is_refused(data):
  assert 'Say where the results go' in refusal(
    '--config=quickstart', f'--data_dir={data}'
  )


@pytest.fixture
def train(data):
  """The refusal of a training on that data."""

  def train(*flags):
    return refusal(
      '--mode=train',
      '--config=quickstart',
      f'--data_dir={data}',
      '--genotype=zoo:auto_deeplab',
      *flags,
    )

  return train


def test_a_training_needs_a_run_dir_that_is_its_own(train, tmp_path):
  assert 'Say where the results go' in train()
  folder = tmp_path / 'run'
  folder.mkdir()
  (folder / 'run.json').write_text('{"starts": []}')
  sentence = train(f'--run_dir={folder}', '--resume')
  assert 'holds a search, not a training' in sentence


def test_a_refused_training_leaves_nothing(records, tmp_path):
  folder = tmp_path / 'run'
  result = run(
    '--mode=train',
    '--config=quickstart',
    f'--data_dir={records}',
    '--set=data.batch_size=99',
    '--genotype=zoo:auto_deeplab',
    f'--run_dir={folder}',
  )
  assert result.returncode == 2
  assert 'Split train has 8 images, fewer than' in result.stderr
  assert not folder.exists()


@pytest.mark.parametrize('flag', ['--overwrite', '--resume'])
def test_a_refused_training_leaves_a_finished_one(records, tmp_path, flag):
  command = [
    '--mode=train',
    '--config=quickstart',
    f'--data_dir={records}',
    '--set=data.batch_size=99',
    '--genotype=zoo:auto_deeplab',
  ]
  folder = tmp_path / 'run'
  (folder / 'checkpoints').mkdir(parents=True)
  settings = run(*command, '--print_config').stdout
  before = {
    'run.json': '{"mode": "train", "starts": []}',
    'config.yaml': settings,
    'metrics.jsonl': '{"epoch": 1}',
    'checkpoints/ckpt-1.index': 'weights',
  }
  for name, text in before.items():
    (folder / name).write_text(text)
  result = run(*command, f'--run_dir={folder}', flag)
  assert 'Split train has 8 images, fewer than' in result.stderr
  after = {
    str(path.relative_to(folder)): path.read_text()
    for path in folder.rglob('*')
    if path.is_file()
  }
  assert after == before


@pytest.mark.parametrize('mode', ['search', 'train'])
@pytest.mark.parametrize('split', ['train', 'val'])
def test_a_split_without_images_is_refused(mode, split, data, tmp_path):
  (data / f'{split}-00000-of-00001.tfrecord').write_bytes(b'')
  genotype = ['--genotype=zoo:auto_deeplab'] if mode == 'train' else []
  folder = tmp_path / 'run'
  sentence = refusal(
    f'--mode={mode}',
    '--config=quickstart',
    f'--data_dir={data}',
    f'--run_dir={folder}',
    *genotype,
  )
  assert sentence.startswith(f'error: Split {split} has 0 images, in {data}')
  assert not folder.exists()


def test_a_used_run_dir_is_refused_and_kept(data, tmp_path):
  folder = tmp_path / 'run'
  folder.mkdir()
  (folder / 'notes.txt').write_text('mine')
  assert 'add --resume' in refusal(
    '--config=quickstart', f'--data_dir={data}', f'--run_dir={folder}'
  )
  assert [path.name for path in folder.iterdir()] == ['notes.txt']


def test_the_config_is_printed_with_every_override():
  result = run(
    '--mode=train',
    '--config=quickstart',
    '--data_dir=it\'s: "here"',
    '--init_from=runs/other',
    '--set=search.epochs=9',
    '--set=search.arch_start_epoch=7',
    '--print_config',
  )
  assert result.returncode == 0, result.stderr
  assert result.stderr == ''
  settings = yaml.safe_load(result.stdout)
  assert settings['data']['dir'] == 'it\'s: "here"'
  assert settings['train']['init_from'] == 'runs/other'
  assert settings['search']['epochs'] == 9
  assert settings['search']['arch_start_epoch'] == 7


def test_the_help_has_few_flags_and_names_the_presets():
  text = run('--help').stdout
  own = text[text.index('flags:') :]
  assert own.count('\n  --') <= 12
  for name in ('quickstart', 'camvid_small', 'paper_cityscapes'):
    assert name in own


def test_a_setting_that_is_typed_as_a_flag_is_refused_with_its_name():
  assert '--set=runtime.nan_policy=VALUE' in refusal('--nan_policy=skip')


def test_what_a_study_found_is_as_wide_as_it_tried_it(tmp_path):
  study = candidates_test.make_study(tmp_path / 'study')
  flags = ['--mode=train', '--config=quickstart', '--print_config']
  for source, given, width in (
    (study.path, [], 6.5),
    (study.path, ['--set=network.filter_multiplier=3'], 3),
    (study.genotype, [], 8),
  ):
    result = run(*flags, f'--genotype={source}', *given)
    network = yaml.safe_load(result.stdout)['network']
    assert network['filter_multiplier'] == width
    assert ('as wide as the search tried it' in result.stderr) == (width == 6.5)
