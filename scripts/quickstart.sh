#!/usr/bin/env bash
# The whole way on synthetic street scenes: data, search, architecture.
#
#   bash scripts/quickstart.sh
#
# Some minutes on two cores, after the installation. RUNS=DIR changes where the
# results go (default: runs/quickstart in this repository).
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/setup_env.sh"

RUNS="${RUNS:-$ROOT/runs/quickstart}"
[[ "$RUNS" == /* ]] || RUNS="$PWD/$RUNS"
scenes="$RUNS/street_scenes"
records="$RUNS/street_scenes_tfrecord"
search="$RUNS/search"

python() { "$VENV/bin/python" "$@"; }

set_up ''

say 'Step 1 of 3: drawing street scenes in the Cityscapes folder layout'
python "$ROOT/datasets/make_street_scenes.py" --output_dir="$scenes"

say 'Step 2 of 3: converting them to TFRecord'
python "$ROOT/datasets/build_cityscapes_data.py" \
  --data_dir="$scenes" --output_dir="$records"

say 'Step 3 of 3: searching for an architecture'
python "$ROOT/scripts/train.py" --mode=search --config=quickstart \
  --data_dir="$records" --run_dir="$search" --overwrite

say 'Done'
echo "The architecture:  $search/genotype.json"
echo "Its picture:       $search/pictures/genotype.png"
