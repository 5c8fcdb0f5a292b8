#!/usr/bin/env bash
# The whole way on synthetic street scenes: data, search, training of what was
# found, evaluation, export, prediction.
#
#   bash scripts/quickstart.sh
#
# Some seven minutes on two cores, after the installation. RUNS=DIR changes where
# the results go (default: runs/quickstart in this repository).
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/setup_env.sh"

help_if_asked "${BASH_SOURCE[0]}" "$@"
[[ $# == 0 ]] || fail "quickstart.sh takes no arguments, not $1: RUNS=DIR before" \
  "the command changes where the results go."

RUNS="${RUNS:-$ROOT/runs/quickstart}"
[[ "$RUNS" == /* ]] || RUNS="$PWD/$RUNS"
scenes="$RUNS/street_scenes"
records="$RUNS/street_scenes_tfrecord"
search="$RUNS/search"
train="$RUNS/train"
models="$RUNS/models"
predictions="$RUNS/predictions"

python() { "$VENV/bin/python" "$@"; }

set_up ''
explain_failures "$RUNS"

say 'Step 1 of 7: drawing street scenes in the Cityscapes folder layout'
python "$ROOT/datasets/make_street_scenes.py" --output_dir="$scenes"

say 'Step 2 of 7: converting them to TFRecord'
python "$ROOT/datasets/build_cityscapes_data.py" \
  --data_dir="$scenes" --output_dir="$records"

say 'Step 3 of 7: searching for an architecture, by trainings of many'
python "$ROOT/scripts/train.py" --mode=search --config=quickstart \
  --set=search.strategy=halving \
  --data_dir="$records" --run_dir="$search" --overwrite

say 'Step 4 of 7: training the network that was found'
python "$ROOT/scripts/train.py" --mode=train --config=quickstart \
  --genotype="$search" \
  --data_dir="$records" --run_dir="$train" --overwrite

say 'Step 5 of 7: evaluating it'
python "$ROOT/scripts/train.py" --mode=eval --run_dir="$train"

say 'Step 6 of 7: exporting it for TF Serving'
python "$ROOT/scripts/export_model.py" \
  --run_dir="$train" --export_dir="$models" --outputs=classes,mask_png_bytes

say 'Step 7 of 7: predicting with the exported model'
python "$ROOT/scripts/predict.py" --model="$models" \
  --images="$scenes/leftImg8bit/val" --output_dir="$predictions" --overwrite

say 'Done'
python -c 'import sys
print(open(sys.argv[1], encoding="utf-8").read().split("\n\n")[0])' \
  "$search/summary.txt"
echo "The architecture:  $search/genotype.json"
echo "Its picture:       $search/pictures/genotype.png"
echo "All that it tried: $search/pictures/trials.png"
echo "Its scores:        $train/eval/val/classes.csv"
echo "The served model:  $models"
echo "What it sees:      $predictions/contact_sheet.png"
