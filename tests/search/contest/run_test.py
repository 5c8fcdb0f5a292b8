"""A small comparison from the command line, killed and gone on with."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

from deeplab_nas import errors
from deeplab_nas.search.contest import plan as plan_lib
from deeplab_nas.search.contest import run
from deeplab_nas.space import genotype
from tests.search.trials import run_test

ROOT = pathlib.Path(__file__).parents[3]


def settings(records):
  found = run_test.settings(records)
  found['search'].update(epochs=2, arch_start_epoch=1)
  found['space'].update(filter_multiplier=1, stem_filters=[2, 2, 4])
  found['train'].update(epochs=1, steps_per_epoch=3)
  return found


def command(tmp_path, *flags):
  return subprocess.Popen(
    [
      sys.executable,
      str(ROOT / 'scripts' / 'compare.py'),
      f'--config={tmp_path / "config.yaml"}',
      f'--run_dir={tmp_path / "run"}',
      '--strategies=random,first_order',
      '--budget=40s',
      '--num_searches=1',
      '--num_seeds=2',
      *flags,
    ],
    stdout=subprocess.PIPE,
    stderr=subprocess.PIPE,
    text=True,
  )


def wait_for(process, path):
  """Until the process has written a file."""
  deadline = time.monotonic() + 900
  while not path.exists():
    assert process.poll() is None, process.communicate()[1]
    assert time.monotonic() < deadline
    time.sleep(0.2)


@pytest.mark.slow
def test_a_comparison_goes_on_through_kills(records, tmp_path):
  """Of the search that runs, what it has not saved is lost, and no more."""
  (tmp_path / 'config.yaml').write_text(json.dumps(settings(records)))
  folder = tmp_path / 'run'
  process = command(tmp_path)
  trial = folder / 'searches/random_0/trials/0000/outcome.json'
  wait_for(process, trial)
  process.kill()
  process.communicate()
  first = trial.read_bytes()
  process = command(tmp_path)
  wait_for(process, folder / 'searches/first_order_0/run.json')
  process.send_signal(signal.SIGTERM)
  _, log = process.communicate(timeout=150)
  assert process.returncode == 75, log
  assert 'The same command goes on' in log
  process = command(tmp_path, '--num_random=2', '--also=zoo:deeplabv3')
  _, log = process.communicate(timeout=300)
  # The zoo has twelve layers, this space two.
  assert process.returncode == 2
  process = command(tmp_path, '--num_random=2')
  out, log = process.communicate(timeout=900)
  assert process.returncode == 0, log
  assert trial.read_bytes() == first
  assert (folder / 'summary.txt').read_text() == out
  found = json.loads((folder / 'results.json').read_text())
  entries = {each['name']: each for each in found['architectures']}
  assert set(entries) == {
    'random_0',
    'first_order_0',
    'random architecture 0',
    'random architecture 1',
  }
  for name, each in entries.items():
    assert len(each['cross_entropy']) == len(each['miou']) == 2
    if each['seconds'] is not None:
      assert each['seconds'] > 0
      held = genotype.Genotype.load(
        folder / 'searches' / name / 'genotype.json'
      )
      assert held.digest == each['digest']
  assert (folder / 'results.png').read_bytes().startswith(b'\x89PNG')
  assert 'first_order' in out and 'random architectures' in out
  before = os.stat(folder / 'finals.db').st_mtime_ns
  process = command(tmp_path, '--num_random=2', '--set=train.momentum=0.5')
  _, log = process.communicate(timeout=60)
  assert process.returncode == 2
  assert 'train.momentum 0.9, now it is 0.5' in log
  assert os.stat(folder / 'finals.db').st_mtime_ns == before


def test_a_folder_of_something_else_is_refused(records, tmp_path):
  path = tmp_path / 'config.yaml'
  path.write_text(json.dumps(settings(records)))
  plan = plan_lib.build(
    str(path), (), None, ['random'], num_searches=1, seconds=9.0, num_seeds=1
  )
  with pytest.raises(errors.UserError, match='but no comparison'):
    run.run(plan, tmp_path)
