"""What a case holds."""

from __future__ import annotations

import pickle

from benchmarks import case
from tests.benchmarks import tiny_cases


def test_a_job_needs_only_a_step():
  job = case.Job(lambda: None)
  assert job.facts() == {}
  job.close()


def test_a_case_can_be_sent_to_a_process():
  sent = case.Case('a', tiny_cases.takes_memory, {'num_bytes': 3})
  assert pickle.loads(pickle.dumps(sent)) == sent
