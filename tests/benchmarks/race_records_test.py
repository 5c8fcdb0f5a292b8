"""The file of a race survives kills and refuses what it is not of."""

import dataclasses
import json

import pytest

from benchmarks import race_records
from deeplab_nas import errors

FACTS = {'times': [60.0, 120.0], 'workers': 2}
RECORD = race_records.Record(
  'halving', 7, (0.3, 0.1), (0.2, 0.05), {'25': 9, '400': 2}, 1.5
)


def test_what_was_raced_is_read_back(tmp_path):
  path = tmp_path / 'races.jsonl'
  records = race_records.Records.open(path, FACTS)
  records.append(RECORD)
  records.append(dataclasses.replace(RECORD, run=3))
  again = race_records.Records.open(path, FACTS)
  assert again.facts == FACTS and len(again) == 2
  assert list(again.of('halving')) == [3, 7]
  assert again.of('halving')[7] == RECORD
  assert ('halving', 7) in again and ('random', 7) not in again


def test_a_file_of_thousands_of_studies_is_read_back(tmp_path):
  path = tmp_path / 'races.jsonl'
  race_records.Records.open(path, FACTS)
  line = RECORD.to_line()
  number = 2**20 // len(line) + 2
  with open(path, 'a') as file:
    for run in range(number):
      file.write(line.replace('"run": 7', f'"run": {run}') + '\n')
  assert len(race_records.Records.open(path, FACTS)) == number


def test_a_line_that_was_not_written_whole_is_raced_again(tmp_path):
  path = tmp_path / 'races.jsonl'
  race_records.Records.open(path, FACTS).append(RECORD)
  whole = path.read_bytes()
  for length in (len(whole) + 1, len(whole) + 30):
    more = dataclasses.replace(RECORD, run=8).to_line().encode()
    path.write_bytes((whole + more)[:length])
    records = race_records.Records.open(path, FACTS)
    assert len(records) == 1
    assert path.read_bytes() == whole


def test_a_file_of_another_race_is_refused(tmp_path):
  path = tmp_path / 'races.jsonl'
  race_records.Records.open(path, FACTS)
  with pytest.raises(errors.UserError, match='other workers'):
    race_records.Records.open(path, {**FACTS, 'workers': 1})
  with pytest.raises(errors.UserError, match='other table'):
    race_records.Records.open(path, {**FACTS, 'table': 'abc'})


@pytest.mark.parametrize(
  'change',
  [
    {'regrets': [0.3]},
    {'shares': 'ab'},
    {'regrets': 1},
    {'num_trials': [1]},
    {'num_trials': {'many': 1}},
    {'run': 'a'},
  ],
  ids=str,
)
def test_a_study_that_cannot_be_is_refused(change, tmp_path):
  path = tmp_path / 'races.jsonl'
  race_records.Records.open(path, FACTS)
  line = json.dumps({**json.loads(RECORD.to_line()), **change})
  with open(path, 'a') as file:
    file.write(line + '\n')
  with pytest.raises(errors.UserError, match=r'races\.jsonl is no file of'):
    race_records.Records.open(path, FACTS)


@pytest.mark.parametrize('text', ['', 'hello\n', '[1]\n', '{}\n{"run": 1}\n'])
def test_a_file_of_something_else_is_left_alone(text, tmp_path):
  path = tmp_path / 'notes.txt'
  path.write_text(text)
  with pytest.raises(errors.UserError, match=r'notes\.txt is'):
    race_records.Records.open(path, FACTS)
  assert path.read_text() == text
