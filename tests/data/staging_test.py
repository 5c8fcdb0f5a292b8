from __future__ import annotations

import dataclasses
import json
import subprocess
import sys

import pytest

from deeplab_nas import errors
from deeplab_nas.data import conversion, findings, layouts, staging
from tests.data import tiny_folder


@pytest.fixture
def source(tmp_path):
  return layouts.folder(tiny_folder.TinyFolder(tmp_path / 'data').root)


def output(tmp_path, **options) -> staging.Output:
  return staging.Output(str(tmp_path / 'out'), **options)


def test_shards_divide_the_examples_evenly(source, tmp_path):
  plan = staging.plan_shards(source, output(tmp_path, num_shards=2))
  sizes = [(shard.name, len(shard.pairs)) for shard in plan]
  assert sizes == [
    ('train-00000-of-00002.tfrecord', 1),
    ('train-00001-of-00002.tfrecord', 2),
    ('val-00000-of-00001.tfrecord', 1),
  ]


def test_empty_split_is_refused(source, tmp_path):
  source = dataclasses.replace(source, splits={'train': ()})
  with pytest.raises(errors.UserError, match='Split train of .* is empty'):
    staging.plan_shards(source, output(tmp_path))


def test_no_splits_are_refused(source, tmp_path):
  source = dataclasses.replace(source, splits={})
  with pytest.raises(errors.UserError, match='No splits'):
    staging.plan_shards(source, output(tmp_path))


@pytest.mark.parametrize('count', [0, -1, 100000])
def test_number_of_shards_is_checked(count, tmp_path):
  with pytest.raises(errors.UserError, match=f'--num_shards={count}'):
    output(tmp_path, num_shards=count)


def test_fingerprint_depends_on_files_and_rules(source, tmp_path):
  shard = staging.plan_shards(source, output(tmp_path))[0]
  before = staging.fingerprint(shard, source)
  assert staging.fingerprint(shard, source) == before
  rules = dataclasses.replace(source.rules, values={7: 1})
  changed = dataclasses.replace(source, rules=rules)
  assert staging.fingerprint(shard, changed) != before
  with open(shard.pairs[0].mask, 'ab') as file:
    file.write(b'x')
  assert staging.fingerprint(shard, source) != before


HOLDER = """
import pathlib, sys
from deeplab_nas import folder_lock
lock = folder_lock.take(pathlib.Path(sys.argv[1]))
print('held', flush=True)
sys.stdin.read()
"""


def test_a_second_process_is_refused_and_changes_nothing(source, tmp_path):
  (tmp_path / 'out').mkdir()
  command = [sys.executable, '-c', HOLDER, str(tmp_path / 'out')]
  pipes = {'stdin': subprocess.PIPE, 'stdout': subprocess.PIPE}
  with subprocess.Popen(command, **pipes) as process:
    assert process.stdout.readline() == b'held\n'
    with pytest.raises(errors.UserError, match='Another process is writing'):
      conversion.convert(source, output(tmp_path, workers=1))
    assert not list((tmp_path / 'out').iterdir())
    process.stdin.close()
  conversion.convert(source, output(tmp_path, workers=1))


def _with(source, **rules):
  rules = dataclasses.replace(source.rules, **rules)
  return dataclasses.replace(source, rules=rules)


def test_a_claim_is_lost_to_whoever_claims_with_other_options(source, tmp_path):
  place = output(tmp_path)
  plan = staging.plan_shards(source, place)
  staging.claim(source, place, plan)
  staging.require_claim(source, place, plan)
  names = dataclasses.replace(source.info, class_names=('a', 'b', 'c'))
  for other in (
    _with(source, values={7: 1}),
    _with(source, mode='index'),
    _with(source, ignore_label=254),
    _with(source, colors={(1, 2, 3): 0}),
    dataclasses.replace(source, info=names),
  ):
    staging.claim(other, place, plan)
    with pytest.raises(errors.UserError, match='Another conversion has begun'):
      staging.require_claim(source, place, plan)
  staging.claim(source, place, plan)
  staging.require_claim(source, place, plan)


def test_a_directory_of_an_older_version_is_continued(source, tmp_path):
  place = output(tmp_path)
  plan = staging.plan_shards(source, place)
  staging.claim(source, place, plan)
  path = tmp_path / 'out/.conversion/plan.json'
  old = json.loads(path.read_text())
  del old['options']
  path.write_text(json.dumps(old))
  shard = tmp_path / 'out' / plan[0].name
  shard.write_bytes(b'shard')
  staging.claim(source, place, plan)
  staging.require_claim(source, place, plan)
  assert shard.read_bytes() == b'shard'
  assert 'options' in json.loads(path.read_text())


def test_finished_shard_is_recognised_until_it_changes(source, tmp_path):
  out = output(tmp_path)
  plan = staging.plan_shards(source, out)
  staging.claim(source, out, plan)
  shard = plan[0]
  assert staging.finished_counts(shard, source) is None
  unfinished = shard.staged.with_name('x.part')
  unfinished.write_bytes(b'records')
  counts = findings.Counts(num_examples=1)
  inputs = staging.fingerprint(shard, source)
  staging.finish(shard, unfinished, inputs, counts)
  assert staging.finished_counts(shard, source).num_examples == 1
  shard.staged.write_bytes(b'record')
  assert staging.finished_counts(shard, source) is None


@pytest.mark.parametrize(
  'content', ['', '{', '[]', '3', '{"counts": 1}', '\xff']
)
def test_a_damaged_note_is_no_note(source, tmp_path, content):
  place = output(tmp_path)
  plan = staging.plan_shards(source, place)
  staging.claim(source, place, plan)
  plan[0].record.write_text(content, 'latin-1')
  assert staging.finished_counts(plan[0], source) is None
  (plan[0].record.parent / 'plan.json').write_text(content, 'latin-1')
  staging.claim(source, place, plan)
