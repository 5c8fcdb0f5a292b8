"""Says whether this environment and machine can search."""

from __future__ import annotations

import os
import platform
import sys

try:
  from deeplab_nas.cli import doctor, main
except ImportError as error:  # not even the programs' own parts are there
  print(
    f'FAIL python {platform.python_version()} ({sys.executable}): {error}.'
    ' Run: source .venv/bin/activate, which bash scripts/quickstart.sh makes;'
    f' or: {sys.executable} -m pip install --editable'
    f' {os.path.dirname(os.path.dirname(os.path.abspath(__file__)))}'
  )
  sys.exit(2)

if __name__ == '__main__':
  main.script(doctor.DOCTOR.name)
