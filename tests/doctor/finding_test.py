"""What a check found."""

from __future__ import annotations

import sys

import pytest

from deeplab_nas.doctor import finding


def test_a_line_says_what_was_found_and_what_to_do():
  found = finding.Finding(finding.WARN, 'little memory', 'End programs.')
  line = ' '.join(found.line('memory').split())
  assert line == 'warn memory little memory. End programs.'


def test_nothing_to_do_leaves_no_space_at_the_end():
  assert finding.Finding(finding.OK, 'good').line('disk').endswith('good.')


@pytest.mark.parametrize(
  'check, words',
  [
    (lambda: {}['a key'], "KeyError: 'a key'"),
    (lambda: sys.exit('no licence'), 'SystemExit: no licence'),
  ],
)
def test_a_check_that_raises_has_failed(check, words):
  found = finding.run(check)
  assert found.status == finding.FAIL
  assert words in found.text


def test_only_the_first_line_of_an_error_is_said():
  assert finding.said(ValueError('One.\nTwo.')) == 'ValueError: One'
  assert finding.said(ValueError()) == 'ValueError'
