"""Where something was measured."""

from __future__ import annotations

import json

from benchmarks import machine


def test_it_names_versions_cores_and_cpu():
  where = machine.describe()
  assert json.loads(json.dumps(where)) == where
  assert where['cores'] >= 1 and where['allocator']
  assert where['cpu'] and where['python'] and where['deeplab_nas']
  assert {'tensorflow', 'keras', 'numpy'} <= set(where['packages'])
