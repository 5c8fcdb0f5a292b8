#!/usr/bin/env bash
# Sets up .venv and runs the tests, two at a time. Arguments go to pytest:
#
#   bash scripts/run_tests.sh
#   bash scripts/run_tests.sh -m slow
#   bash scripts/run_tests.sh -m soak
#   bash scripts/run_tests.sh -n 0 tests/space -k lattice
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/setup_env.sh"

help_if_asked "${BASH_SOURCE[0]}" "$@"
set_up '[dev]'
explain_failures
cd "$ROOT"
"$VENV/bin/python" -m pytest -n 2 --dist worksteal "$@"
