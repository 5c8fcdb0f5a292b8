"""The package stays plain: no TensorFlow, all public names there."""

import pathlib
import subprocess
import sys

from deeplab_nas import space

PACKAGE = pathlib.Path(space.__file__).parent
MODULES = sorted(file.stem for file in PACKAGE.glob('*.py'))


def test_no_module_imports_tensorflow_or_matplotlib():
  names = ', '.join(name for name in MODULES if name != '__init__')
  program = (
    'import sys\n'
    f'from deeplab_nas.space import {names}\n'
    "heavy = {'tensorflow', 'keras', 'matplotlib'} & set(sys.modules)\n"
    'sys.exit(str(heavy) if heavy else 0)\n'
  )
  result = subprocess.run(
    [sys.executable, '-c', program], capture_output=True, text=True
  )
  assert result.returncode == 0, result.stderr


def test_public_names_exist():
  for name in space.__all__:
    assert hasattr(space, name)
