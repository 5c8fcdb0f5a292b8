import pytest

from deeplab_nas import wording


@pytest.mark.parametrize(
  'number, text',
  [(0, '0 epochs'), (1, '1 epoch'), (1.0, '1 epoch'), (1024, '1,024 epochs')],
)
def test_one_is_no_plural(number, text):
  assert wording.counted(number, 'epoch') == text


def test_a_plural_may_be_irregular():
  assert wording.counted(1, 'batch', 'batches') == '1 batch'
  assert wording.counted(2, 'batch', 'batches') == '2 batches'


def test_columns_of_a_table_are_of_equal_width():
  rows = [('', 'seeds'), ('found', '3'), ('best', '10'), ('other', '')]
  assert wording.aligned(rows) == [
    '       seeds',
    'found      3',
    'best      10',
    'other',
  ]
