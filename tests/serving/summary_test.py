"""What an export prints works when it is copied to a terminal."""

from __future__ import annotations

import csv
import json
import shlex
import shutil
import subprocess

import numpy as np
import pytest

from deeplab_nas.serving import comparison, export, saved_model, summary
from tests.serving import tiny


def test_signatures_are_shown_with_types_and_shapes(exported, plain):
  assert summary.signature_lines(plain) == [
    'serving_bytes: image_bytes string [?] -> classes uint8 [?, ?, ?],'
    ' sizes int32 [?, 2]',
    'serving_default: images uint8 [?, ?, ?, 3] -> classes uint8 [?, ?, ?]',
  ]
  (png,) = (x for x in summary.signature_lines(exported) if 'png:' in x)
  assert png == (
    'serving_png: image_bytes string [?] -> mask_png_bytes string [?]'
  )


@pytest.mark.parametrize(
  'name', ['models', 'my models', 'a:b', 'a,b', 'a"b', "a'b", ':ro']
)
def test_docker_gets_the_folder_of_the_versions(tmp_path, name):
  command = shlex.split(summary.docker_command(tmp_path / name))
  mount = command[command.index('--mount') + 1]
  (fields,) = csv.reader([mount])  # as docker reads it
  assert dict(field.partition('=')[::2] for field in fields) == {
    'type': 'bind',
    'source': f'{tmp_path}/{name}',
    'target': '/models/deeplab_nas',
    'readonly': '',
  }
  assert 'MODEL_NAME=deeplab_nas' in command
  assert command[-1] == summary.IMAGE


def test_the_text_names_what_there_is(exported):
  compared = comparison.Comparison(3, 100, 1e-7, 1.0)
  found = summary.summarize(export.ExportResult(exported, compared))
  assert f'Exported {exported}' in found
  assert '1.0e-07' in found and '100.000 %' in found
  assert f'source={exported.parent},target=/models/deeplab_nas' in found
  assert 'does not turn photos as their EXIF data asks' in found
  lite = exported / 'assets.extra' / 'segmenter.tflite'
  result = export.ExportResult(
    exported, compared, lite, compared, 'At 5 x 9 pixels nothing.'
  )
  assert f'TFLite model {lite}' in summary.summarize(result)
  assert '\nAt 5 x 9 pixels nothing.\n' in summary.summarize(result)


@pytest.mark.skipif(
  not all(shutil.which(x) for x in ('bash', 'curl', 'base64')),
  reason='the command needs bash, curl and base64',
)
def test_the_curl_command_gives_the_classes(server, plain, tmp_path):
  contents = tiny.encoded(tiny.photo(300, 500))  # more than an argument holds
  file = tmp_path / 'my photo.png'
  file.write_bytes(contents)
  command = summary.curl_command(str(file))
  command = command.replace('localhost:8501', server.rest_address)
  command = command.replace('/deeplab_nas:', '/plain:')
  result = subprocess.run(
    ['bash', '-c', command], capture_output=True, text=True
  )
  assert result.returncode == 0, result.stderr
  (prediction,) = json.loads(result.stdout)['predictions']
  (expected,) = saved_model.load(plain).classes_of_bytes([contents])
  np.testing.assert_array_equal(prediction['classes'], expected)
  assert prediction['sizes'] == [300, 500]
