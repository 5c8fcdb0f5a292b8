"""What an export prints at its end: what there is, and commands to use it."""

from __future__ import annotations

import csv
import io
import os
import pathlib
import shlex

import tensorflow as tf

from deeplab_nas import commands
from deeplab_nas.serving import export, graph_ops, names

IMAGE = 'tensorflow/serving:2.15.1'


def summarize(result: export.ExportResult) -> str:
  """Several lines for the terminal."""
  return '\n'.join(
    (
      f'Exported {result.path}',
      f'Compared with the network in memory: {result.comparison}.',
      *_tflite_lines(result),
      *([] if result.cost is None else [result.cost]),
      'Signatures:',
      *(f'  {line}' for line in signature_lines(result.path)),
      'Serve it (needs docker):',
      f'  {docker_command(result.path.parent)}',
      'Ask it:',
      f'  {client_command()}',
      f'  {curl_command()}',
      'The graph does not turn photos as their EXIF data asks; the client does,'
      ' before it sends them.',
    )
  )


def client_command() -> str:
  """Asks for the mask of a file with the client of this package."""
  return commands.line(
    'client',
    '--protocol=rest',
    '--server=localhost:8501',
    '--input=photo.jpg',
    '--output_dir=masks',
  )


def docker_command(base_dir: str | os.PathLike) -> str:
  """Starts TF Serving on the folder that holds the versions.

  By --mount, not by -v, which splits paths at their colons.
  """
  mount = io.StringIO()  # docker reads a line of CSV, commas and quotes too
  csv.writer(mount, lineterminator='').writerow(
    (
      'type=bind',
      f'source={pathlib.Path(base_dir).resolve()}',
      f'target=/models/{names.MODEL}',
      'readonly',
    )
  )
  return (
    'docker run --rm -p 8500:8500 -p 8501:8501'
    f' --mount {shlex.quote(mount.getvalue())}'
    f' -e MODEL_NAME={names.MODEL} {IMAGE}'
  )


def curl_command(file: str = 'photo.jpg') -> str:
  """Asks for the classes of a file over REST."""
  body = (
    f'{{"signature_name": "{names.BYTES_SIGNATURE}",'
    ' "instances": [{"b64": "\'"$(base64 < '
    f'{shlex.quote(file)} | tr -d "\\n")"\'"}}]}}'
  )
  return (
    f"printf '%s' '{body}' | curl -s --data-binary @-"
    f' http://localhost:8501/v1/models/{names.MODEL}:predict'
  )


def signature_lines(version_dir: str | os.PathLike) -> list[str]:
  """One line for each signature, with types and shapes."""
  lines = []
  for name, signature in sorted(graph_ops.signatures(version_dir).items()):
    inputs = ', '.join(_tensors(signature.inputs))
    outputs = ', '.join(_tensors(signature.outputs))
    lines.append(f'{name}: {inputs} -> {outputs}')
  return lines


def _tensors(infos) -> list[str]:
  """'images uint8 [?, ?, ?, 3]' for each tensor."""
  texts = []
  for name, info in sorted(infos.items()):
    dims = ('?' if x.size < 0 else str(x.size) for x in info.tensor_shape.dim)
    dtype = tf.as_dtype(info.dtype).name
    texts.append(f'{name} {dtype} [{", ".join(dims)}]')
  return texts


def _tflite_lines(result: export.ExportResult) -> list[str]:
  if result.tflite is None:
    return []
  return [f'TFLite model {result.tflite}: {result.tflite_comparison}.']
