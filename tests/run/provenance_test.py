"""The record of a start."""

import datetime
import json
import sys

import numpy as np

import deeplab_nas
from deeplab_nas.run import provenance


def test_it_says_what_it_takes_to_run_it_again():
  record = provenance.collect(['train.py', '--run_dir=my runs/a'])
  assert json.loads(json.dumps(record)) == record
  assert record['command'] == "python train.py '--run_dir=my runs/a'"
  assert record['deeplab_nas'] == deeplab_nas.__version__
  assert record['packages']['numpy'] == np.__version__
  assert record['executable'] == sys.executable
  age = datetime.datetime.now().astimezone() - datetime.datetime.fromisoformat(
    record['time']
  )
  assert datetime.timedelta(0) <= age < datetime.timedelta(minutes=1)


def test_the_code_has_a_name_in_one_line():
  record = provenance.collect([])
  assert provenance.code().startswith(f'{deeplab_nas.__version__}, commit ')
  assert provenance.code().endswith(record['commit'])


def test_outside_a_repository_there_is_no_commit(monkeypatch, tmp_path):
  elsewhere = tmp_path / 'deeplab_nas' / '__init__.py'
  monkeypatch.setattr(deeplab_nas, '__file__', str(elsewhere))
  assert provenance.collect([])['commit'] is None
  assert provenance.code() == deeplab_nas.__version__
