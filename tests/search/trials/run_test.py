"""A study from the command line to its results, and through kills."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from deeplab_nas import errors
from deeplab_nas.config import config as config_lib
from deeplab_nas.config import search as config_search
from deeplab_nas.data import dataset_info
from deeplab_nas.run import directory as run_directory
from deeplab_nas.run import provenance
from deeplab_nas.search.trials import driver, run
from deeplab_nas.search.trials import ledger as ledger_lib
from deeplab_nas.space import genotype
from tests.train import teachers, tiny_training

# The driver's process cannot import TensorFlow, by this.
DRIVER = """
import sys
sys.modules['tensorflow'] = None
from deeplab_nas.cli import main
sys.argv[0] = 'deeplab-nas'
sys.exit(main.main())
"""


def settings(records, **search):
  return {
    'space': {'num_layers': 2, 'num_blocks': 1},
    'data': {'dir': records, 'crop_size': [17, 17], 'batch_size': 2},
    'search': {
      'strategy': 'random',
      'num_trials': 3,
      'trial_steps': [2],
      'final_seeds': 0,
      **search,
    },
    'network': {
      **tiny_training.NETWORK,
      'filter_multiplier': 2,
      'stem_filters': [2, 2, 4],
      'head_filters': 8,
      'separable_head': True,
    },
    'train': {'recalibration_batches': 1},
  }


def command(folder, records, *flags, **search):
  """The search, as a process."""
  config = folder.parent / f'{folder.name}.yaml'
  made = config_lib.Config.from_dict(settings(records, **search))
  config.write_text(made.to_yaml())
  flags = [f'--config={config}', f'--run_dir={folder}', *flags]
  return subprocess.Popen(
    [sys.executable, '-c', DRIVER, 'search', *flags],
    stdout=subprocess.PIPE,
    stderr=subprocess.PIPE,
    text=True,
  )


def history(folder, name='ledger.db'):
  """All trials, but for their seconds."""
  ledger = ledger_lib.Ledger(folder / name, ('cross_entropy',))
  trials = [trial._replace(seconds=0.0) for trial in ledger.trials]
  ledger.close()
  return trials


@pytest.fixture(scope='module')
def study(records, tmp_path_factory):
  """A finished study, and what its process printed."""
  folder = tmp_path_factory.mktemp('study') / 'run'
  process = command(folder, records)
  out, log = process.communicate(timeout=300)
  assert process.returncode == 0, log
  return folder, out, log


def test_a_study_leaves_all_its_results(study):
  folder, out, _ = study
  trials = history(folder)
  assert [trial.failure for trial in trials] == [None] * 3
  best = min(trials, key=lambda trial: trial.scores['cross_entropy'])
  assert genotype.Genotype.load(folder / 'genotype.json') == best.genotype
  rows = json.loads((folder / 'candidates.json').read_text())
  assert [row['number'] for row in rows] == [0, 1, 2]
  assert [row['scores'] for row in rows] == [trial.scores for trial in trials]
  assert (folder / 'summary.txt').read_text() == out
  assert f'Found architecture {best.genotype.digest}' in out
  for name in ('trials.png', 'genotype.png'):
    assert (folder / 'pictures' / name).read_bytes().startswith(b'\x89PNG')
  assert {row['code'] for row in rows} == {provenance.code()}
  assert (folder / 'tensorboard' / '0002').is_dir()
  assert 'For comparison, ' in out.partition('\n\n')[0]
  said = (folder / 'trials' / 'log.txt').read_text()
  assert 'statistics are taken anew over 1 batch of' in said
  costs = [row['scores']['cell_macs'] for row in rows]
  assert max(costs) / min(costs) < 3


def test_each_trial_is_logged_with_the_best_and_what_is_left(study):
  lines = [line for line in study[2].splitlines() if 'Trial ' in line]
  assert len(lines) == 3
  assert all('best so far' in line for line in lines)
  assert '3 of 3 done' in lines[-1]


def test_a_study_with_other_trainings_is_refused(study, records):
  folder, *_ = study
  before = history(folder)
  process = command(folder, records, '--resume', '--set=train.momentum=0.5')
  _, log = process.communicate(timeout=300)
  assert process.returncode == 2
  assert 'train.momentum=0.9, now it is 0.5' in log
  assert history(folder) == before


@pytest.mark.slow
def test_a_finished_study_goes_on_with_more_trials(study, records):
  folder, *_ = study
  before = history(folder)
  process = command(folder, records, '--resume', num_trials=4)
  _, log = process.communicate(timeout=300)
  assert process.returncode == 0, log
  assert history(folder)[:3] == before
  assert len(history(folder)) == 4


def test_settings_become_a_study(records):
  config = config_lib.Config.from_dict(
    settings(
      records,
      trial_steps=[100, 400],
      budget='30m',
      num_trials=None,
      objectives=['miou', 'params'],
    )
  )
  parts = run.build(config)
  assert [f.steps for f in parts.study.fidelities] == [400]
  assert parts.study.objectives == ('miou', 'params')
  assert parts.limits == driver.Limits(None, 1800.0, 2)
  plain = config_lib.Config.from_dict(settings(records, num_trials=None))
  assert run.build(plain).limits.num_trials == config_search.DEFAULT_TRIALS


def test_halving_alone_has_shorter_trials(records):
  values = settings(records, strategy='halving', trial_steps=[100, 400])
  study = run.build(config_lib.Config.from_dict(values)).study
  assert [f.steps for f in study.fidelities] == [100, 400]


def test_several_devices_are_refused_in_a_sentence(records):
  values = settings(records)
  values['runtime'] = {'distribution': 'mirrored'}
  config = config_lib.Config.from_dict(values)
  with pytest.raises(errors.UserError, match='each trial of random is on one'):
    run.build(config)


def test_weights_of_others_are_of_one_machine(records):
  values = settings(records, strategy='lemonade', cluster='auto')
  config = config_lib.Config.from_dict(values)
  with pytest.raises(errors.UserError, match='lemonade begin with weights'):
    run.build(config)


def test_costs_are_those_that_a_trial_notes(study, records):
  config = config_lib.Config.from_dict(settings(records))
  for trial in history(study[0]):
    found = run.build(config).study.costs(trial.genotype)
    assert found.items() <= trial.scores.items()
    assert {'params', 'activation_mb', 'filter_multiplier'} <= found.keys()


@pytest.mark.slow
def test_a_study_through_kills_of_driver_and_worker_ends_as_one_without(
  study, records, tmp_path
):
  """SIGKILL, each at a random moment while trials run."""
  folder, rng = tmp_path / 'killed', np.random.default_rng(int(time.time()))
  process = command(folder, records)
  _wait(process, lambda: list(folder.glob('trials/*/outcome.json')))
  time.sleep(rng.uniform(0, 1))
  before = workers(process.pid)
  process.kill()
  process.communicate()
  _wait_until_gone(before)
  assert any(trial.is_pending for trial in history(folder))
  process = command(folder, records, '--resume')
  _wait(process, lambda: workers(process.pid))
  time.sleep(rng.uniform(0, 3))
  os.kill(workers(process.pid)[-1], signal.SIGKILL)
  _, log = process.communicate(timeout=600)
  assert process.returncode == 0, log
  assert 'was lost (crash' in log and '(try 2 of 3)' in log
  assert history(folder) == history(study[0])[:3]


def _wait(process, is_so):
  deadline = time.monotonic() + 600
  while not is_so():
    assert process.poll() is None, process.communicate()[1]
    assert time.monotonic() < deadline
    time.sleep(0.1)


@pytest.mark.soak
def test_a_study_that_is_killed_all_over_ends_as_one_that_is_not(
  records, tmp_path
):
  """SIGKILL of drivers and of workers, at random moments.

  Workers twice in all: a trial that is lost three times has failed. The last
  trials begin with the weights of others.
  """
  search = {'num_trials': 6, 'strategy': 'lemonade'}
  few = [f'--set=lemonade.{x}=1' for x in ('num_initial', 'distil_steps')]
  process = command(tmp_path / 'plain', records, *few, **search)
  _, log = process.communicate(timeout=600)
  assert process.returncode == 0, log
  rng = np.random.default_rng(int(time.time()))
  folder = tmp_path / 'killed'
  num_kills = num_workers = 0
  while True:
    flags = [*few, '--resume'] if folder.exists() else few
    process = command(folder, records, *flags, **search)
    try:
      # Longer and longer: on a busy machine no process comes far in little.
      longest = 15 + 10 * num_kills
      process.communicate(timeout=float(rng.uniform(3, longest)))
      assert process.returncode == 0
      break
    except subprocess.TimeoutExpired:
      victims = [process.pid, *children(process.pid)]
      is_driver = num_workers == 2 or rng.uniform() < 0.5
      victim = process.pid if is_driver else victims[-1]
      os.kill(victim, signal.SIGKILL)
      if victim == process.pid:
        process.communicate()
      else:
        num_workers += 1
        time.sleep(rng.uniform(0, 5))
        process.kill()
        process.communicate()
    num_kills += 1
    assert num_kills < 30
    _wait_until_gone(victims)
  assert num_kills > 0
  plain = history(tmp_path / 'plain')
  assert history(folder) == plain
  assert any(trial.proposal.inherits for trial in plain)


def children(pid):
  path = pathlib.Path(f'/proc/{pid}/task/{pid}/children')
  return [int(child) for child in path.read_text().split()]


def workers(pid):
  return [child for child in children(pid) if runs_trials(child)]


def runs_trials(pid):
  try:
    return b'trials.worker' in pathlib.Path(f'/proc/{pid}/cmdline').read_bytes()
  except FileNotFoundError:
    return False


def _wait_until_gone(pids):
  """Workers end with their driver."""
  deadline = time.monotonic() + 20
  while any(pathlib.Path(f'/proc/{pid}').exists() for pid in pids):
    assert time.monotonic() < deadline
    time.sleep(0.1)


@pytest.mark.slow
def test_what_was_found_is_trained_again_and_through_kills(records, tmp_path):
  """The last phase has a ledger of its own, and kills change neither."""
  folder = tmp_path / 'run'
  search = {'strategy': 'regularized_evolution', 'final_seeds': 2}
  flags = [
    '--set=regularized_evolution.population_size=2',
    '--set=regularized_evolution.sample_size=1',
  ]
  process = command(folder, records, *flags, **search)
  _wait(process, lambda: list(folder.glob('finals/*/outcome.json')))
  process.kill()
  process.communicate()
  before, [outcome, *_] = history(folder), folder.glob('finals/*/outcome.json')
  content = outcome.read_bytes()
  process = command(folder, records, '--resume', *flags, **search)
  out, log = process.communicate(timeout=600)
  assert process.returncode == 0, log
  assert history(folder) == before
  assert outcome.read_bytes() == content
  finals = history(folder, 'finals.db')
  found = genotype.Genotype.load(folder / 'genotype.json')
  again = [trial for trial in finals if trial.genotype == found]
  assert len(again) == 2 and len(finals) in (2, 4)  # 2 if that was random
  assert all('unseen_miou' in trial.scores for trial in finals)
  assert not {t.seed for t in finals} & {t.seed for t in before}
  rows = json.loads((folder / 'candidates.json').read_text())
  phases = [row['phase'] for row in rows]
  assert phases == 3 * ['search'] + len(finals) * ['final']
  assert 'Trained again with fresh seeds' in out
  assert 'random ones' in out


@pytest.mark.slow
def test_a_stopped_study_says_so_and_goes_on(records, tmp_path):
  folder = tmp_path / 'run'
  process = command(folder, records, num_trials=50)
  deadline = time.monotonic() + 120
  while not (folder / 'candidates.json').exists():
    assert time.monotonic() < deadline
    time.sleep(0.2)
  process.terminate()
  _, log = process.communicate(timeout=30)
  assert process.returncode == 75
  assert 'The same command with --resume goes on' in log
  run_directory.RunDirectory.create(folder, resume=True)  # nobody holds it
  done = [t for t in history(folder) if not t.is_pending]
  assert 0 < len(done) < 50


@pytest.mark.slow
def test_a_network_is_compressed_and_through_a_kill(records, tmp_path):
  """To half of its parameters, and what was found is trained by its teacher."""
  info = dataset_info.DatasetInfo.load(records)
  genes = (('prev', 'sep_conv_5x5'), ('prev_prev', 'sep_conv_5x5'))
  teacher = genotype.Genotype((0, 1), (genes,))
  network = {**settings(records)['network'], 'filter_multiplier': 8}
  source = teachers.save(tmp_path / 'teacher', info, teacher, **network)
  folder = tmp_path / 'run'
  flags = [
    f'--init_from={source.path}',
    *(f'--set=esnac.{x}' for x in ('num_initial=2', 'kernel_steps=2')),
  ]
  search = {'strategy': 'esnac', 'trial_measure': 'params', 'num_trials': 4}
  process = command(folder, records, *flags, **search)
  deadline = time.monotonic() + 600
  while not list(folder.glob('trials/0001/outcome.json')):
    assert process.poll() is None and time.monotonic() < deadline
    time.sleep(0.1)
  process.kill()
  process.communicate()
  process = command(folder, records, '--resume', *flags, **search)
  out, log = process.communicate(timeout=600)
  assert process.returncode == 0, log
  rows = json.loads((folder / 'candidates.json').read_text())
  assert [row['failure'] for row in rows] == [None] * 4
  first = genotype.Genotype.from_json(json.dumps(rows[0]['genotype']))
  assert first == teacher
  for row in rows:
    scores = row['scores']
    removed, kept = scores['cost_removed'], scores['accuracy_kept']
    assert removed >= 0.5 and scores['filter_multiplier'] <= 8
    assert scores['reward'] == pytest.approx(removed * (2 - removed) * kept)
  best = max(rows, key=lambda row: row['scores']['reward'])
  assert f'Found architecture {best["digest"]}' in out
  assert 'The student costs ' in out
  assert f'--init_from={source.path} --set=train.distil_share=0.5' in out
