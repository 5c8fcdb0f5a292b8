r"""Says whether this environment and machine can search, and what to do if not.

  python scripts/doctor.py --run_dir=runs/search

One line for each check: ok, warn, FAIL, or skip where an earlier one has to
pass first. Ends with code 2 if a check failed.
"""

from __future__ import annotations

import os
import platform
import sys

try:
  from absl import flags

  from deeplab_nas import errors
  from deeplab_nas.doctor import checkup, finding
except ImportError as error:  # not even the programs' own parts are there
  print(
    f'FAIL python {platform.python_version()} ({sys.executable}): {error}.'
    ' Run: source .venv/bin/activate, which bash scripts/quickstart.sh makes;'
    f' or: {sys.executable} -m pip install --editable'
    f' {os.path.dirname(os.path.dirname(os.path.abspath(__file__)))}'
  )
  sys.exit(2)

FLAGS = flags.FLAGS
flags.DEFINE_string('run_dir', '.', 'Folder that a run is going to write to.')


def main(_) -> int:
  num_failed = 0
  for name, found in checkup.run(checkup.checks(FLAGS.run_dir)):
    print(found.line(name), flush=True)
    num_failed += found.status == finding.FAIL
  if num_failed:
    print(f'{num_failed} failed: begin with the first.')
    return errors.USER_ERROR_EXIT_CODE
  print('Nothing failed: searches can run here.')
  return 0


if __name__ == '__main__':
  errors.run(main)
