from __future__ import annotations

import concurrent.futures
import dataclasses
import os
import subprocess
import sys

import pytest

from deeplab_nas import errors
from deeplab_nas.data import layouts, scan
from tests.data import tiny_folder


@pytest.fixture
def source(tmp_path):
  names = [f'n{index:02d}' for index in range(20)]
  return layouts.folder(tiny_folder.TinyFolder(tmp_path, names).root)


def test_processes_give_what_one_process_gives_in_order(source):
  pairs = source.splits['train']
  with scan.reader(source.rules, len(pairs), workers=1) as read:
    alone = list(read(pairs))
  with scan.reader(source.rules, len(pairs), workers=2) as read:
    together = list(read(pairs))
  assert alone == together
  assert [example.pair for example in alone] == list(pairs)


def test_kept_files_come_back_as_they_were(source):
  pairs = source.splits['train'][:2]
  with scan.reader(source.rules, len(pairs), workers=2) as read:
    for pair, example in zip(pairs, read(pairs)):
      with open(pair.image, 'rb') as image, open(pair.mask, 'rb') as mask:
        assert example.image.encoded == image.read()
        assert example.label == mask.read() and example.is_label_kept


def test_few_items_are_under_way():
  started = []
  with concurrent.futures.ThreadPoolExecutor(2) as executor:
    results = scan.map_in_order(executor, started.append, range(9), ahead=3)
    executor.submit(int).result()
    assert set(started) <= {0, 1, 2}
    assert len([next(results), next(results)]) == 2
    executor.submit(int).result()
    assert max(started) <= 4
    assert len(list(results)) == 7
  assert sorted(started) == list(range(9))


def test_more_are_under_way_where_files_are_kept_and_small(source, tmp_path):
  kept = source.splits['train']
  large = tmp_path / 'large.png'
  with open(large, 'wb') as file:
    file.truncate(2**27)
  others = [dataclasses.replace(kept[0], image=str(tmp_path / 'a.tif'))]
  huge = [*kept[:3], dataclasses.replace(kept[0], image=str(large))]
  assert scan.num_ahead(kept, 2) > 32
  assert scan.num_ahead(others, 2) == scan.num_ahead(huge, 2) == 8


def test_the_number_of_workers_follows_cores_and_pairs():
  assert scan.num_workers(1000, 3) == 3
  assert scan.num_workers(9) == 1
  assert 1 <= scan.num_workers(10**6) <= (os.cpu_count() or 1)


def test_negative_number_of_workers_is_refused(source):
  reader = scan.reader(source.rules, 1, workers=-1)
  with pytest.raises(errors.UserError, match='--workers=-1'):
    reader.__enter__()


def test_killed_worker_is_explained(source):
  pairs = source.splits['train']

  def read_all():
    with scan.reader(_KillingRules(3), len(pairs), workers=2) as read:
      return list(read(pairs))

  with pytest.raises(errors.UserError, match='worker process was killed'):
    read_all()


def test_workers_do_without_tensorflow():
  code = (
    'import sys, deeplab_nas.data.scan, deeplab_nas.data.conversion;'
    ' sys.exit("tensorflow" in sys.modules)'
  )
  assert subprocess.run([sys.executable, '-c', code]).returncode == 0


class _KillingRules:
  """Ends the process that uses it, as the kernel does when memory is short."""

  def __init__(self, num_classes: int):
    self.num_classes = num_classes

  @property
  def colors(self):
    os._exit(9)

  @property
  def values(self):
    os._exit(9)
