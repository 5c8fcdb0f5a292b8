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


def test_the_cpu_has_a_name_without_a_list_of_cpus(tmp_path, monkeypatch):
  listed = tmp_path / 'cpuinfo'
  monkeypatch.setattr(machine, '_CPU_INFO', listed)
  assert machine.cpu_model()
  listed.write_text('processor\t: 0\nmodel name\t: A CPU: fast\n')
  assert machine.cpu_model() == 'A CPU: fast'
