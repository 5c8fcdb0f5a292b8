"""Which checks there are, and what they have to do with each other."""

from __future__ import annotations

import os

from deeplab_nas.doctor import checkup, finding
from deeplab_nas.doctor.checkup import Check


def ok():
  return finding.Finding(finding.OK, str(os.getpid()))


def warn():
  return finding.Finding(finding.WARN, 'so so')


def fail():
  return finding.Finding(finding.FAIL, 'bad')


def fault():
  raise ValueError('odd')


def found(*checks):
  return dict(checkup.run(list(checks)))


def statuses(*checks):
  return [f.status for f in found(*checks).values()]


def test_each_check_survives_the_failure_of_others():
  checks = [Check('a', fail), Check('b', fault), Check('c', ok)]
  assert statuses(*checks) == ['FAIL', 'FAIL', 'ok']


def test_what_needs_a_failed_check_is_skipped():
  result = found(
    Check('a', fail),
    Check('b', warn),
    Check('c', fault, ('a', 'b')),
    Check('d', ok, ('c',)),
    Check('e', ok, ('b',)),
  )
  assert [f.status for f in result.values()] == [
    'FAIL',
    'warn',
    'skip',
    'skip',
    'ok',
  ]
  assert result['c'].text == 'needs a'


def test_what_is_risky_runs_elsewhere():
  result = found(Check('a', ok), Check('b', ok, is_risky=True))
  assert result['a'].text == str(os.getpid()) != result['b'].text
  assert result['b'].status == finding.OK


def test_findings_come_one_by_one():
  findings = checkup.run([Check('a', ok), Check('b', sys_exit)])
  assert next(findings)[0] == 'a'
  assert next(findings)[1].status == finding.FAIL


def sys_exit():
  raise SystemExit(1)


def test_a_check_needs_only_checks_before_it():
  before = set()
  for check in checkup.checks('.'):
    assert set(check.needs) <= before
    assert check.name not in before
    before.add(check.name)
