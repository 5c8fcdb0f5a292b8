"""An architecture as text, to the letter."""

import subprocess
import sys

from deeplab_nas.space import Genotype, text, zoo

SKIPS = (('prev', 'skip_connect'), ('prev_prev', 'skip_connect'))


def test_text_of_the_published_architecture():
  expected = """\
  4 o o o . . . . . . . . .
  8 . . . o . o . . . . . o
 16 . . . . o . o o . . o .
 32 . . . . . . . . o o . .
block_0 = sep_conv_3x3(prev) + atrous_conv_5x5(prev_prev)
block_1 = atrous_conv_3x3(prev) + sep_conv_3x3(prev_prev)
block_2 = sep_conv_3x3(block_1) + sep_conv_3x3(prev_prev)
block_3 = sep_conv_5x5(block_0) + sep_conv_5x5(block_2)
block_4 = sep_conv_5x5(block_1) + atrous_conv_5x5(block_3)"""
  genotype = zoo.load('auto_deeplab')
  assert text.format_genotype(genotype.path, genotype.cell) == expected
  assert str(genotype) == expected


def test_text_has_more_rows_for_coarser_paths():
  shown = str(Genotype((1, 2, 3, 4), (SKIPS,)))
  assert shown.splitlines()[:5] == [
    '  4 . . . .',
    '  8 o . . .',
    ' 16 . o . .',
    ' 32 . . o .',
    ' 64 . . . o',
  ]


def test_text_needs_no_matplotlib():
  program = (
    'import sys\n'
    'from deeplab_nas.space import zoo\n'
    "str(zoo.load('auto_deeplab'))\n"
    "sys.exit('matplotlib' in sys.modules)\n"
  )
  assert subprocess.run([sys.executable, '-c', program]).returncode == 0
