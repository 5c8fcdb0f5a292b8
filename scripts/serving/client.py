r"""Sends images to TF Serving and writes the masks that come back.

  python scripts/serving/client.py --server=localhost:8501 --protocol=rest \
      --input=photo.jpg --output_dir=masks

Each mask is a grey PNG of class indices, of the size of its image, named after
it. An image that the server cannot use is reported; the others are written.
"""

from __future__ import annotations

import glob
import io
import os
import pathlib

from absl import flags, logging
from PIL import Image

from deeplab_nas import errors
from deeplab_nas.data import conversion_flags, image_files, orientation
from deeplab_nas.serving import names

FLAGS = flags.FLAGS
flags.DEFINE_string(
  'server', None, 'host:port; 8501 is usual for REST, 8500 for gRPC.'
)
flags.DEFINE_enum('protocol', 'rest', ['rest', 'grpc'], 'How to talk.')
flags.DEFINE_string('model_name', names.MODEL, "The server's name for it.")
flags.DEFINE_list('input', [], 'JPEG and PNG files, or patterns of names.')
flags.DEFINE_string('output_dir', None, 'Folder for the masks.')
flags.DEFINE_float('timeout', 60, 'Seconds to wait for a mask.', 0.001)
conversion_flags.define_max_image_pixels()

_PORTS = {'rest': 8501, 'grpc': 8500}


def main(_) -> None:
  errors.require(
    bool(FLAGS.input), 'Say which images to send with --input=FILE,FILE.'
  )
  errors.require(
    FLAGS.output_dir is not None,
    'Say where the masks go with --output_dir=DIR.',
  )
  outputs = _outputs(_inputs(), pathlib.Path(FLAGS.output_dir))
  server = FLAGS.server or f'localhost:{_PORTS[FLAGS.protocol]}'
  # Imported late: gRPC's stubs import TensorFlow, which takes seconds.
  os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')
  from deeplab_nas.serving import client as client_lib

  with client_lib.connect(
    server, FLAGS.protocol, FLAGS.model_name, FLAGS.timeout
  ) as client:
    _segment(client, outputs)


def _segment(client, outputs: dict[pathlib.Path, pathlib.Path]) -> None:
  """Writes a mask for each image; tells at the end which had none."""
  from deeplab_nas.serving import reply

  problems = []
  for source, target in outputs.items():
    try:
      image_files.refuse_large(source, FLAGS.max_image_pixels)
    except errors.UserError as error:
      problems.append(str(error))
      continue
    contents = source.read_bytes()
    _note_rotation(source, contents)
    try:
      mask = client.mask(contents)
    except reply.RefusedImage as error:
      problems.append(
        f'{source} has no mask, since the server cannot use it: {error}.'
      )
      continue
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f'.{target.name}.part')
    Image.fromarray(mask).save(temporary, 'PNG')
    os.replace(temporary, target)
    logging.info('%s', target)
  if problems:
    raise errors.UserError('\n'.join(problems))


def _inputs() -> list[pathlib.Path]:
  found = []
  for name in FLAGS.input:
    matches = [name] if os.path.exists(name) else sorted(glob.glob(name))
    errors.require(bool(matches), f'--input={name} names no file.')
    for match in matches:
      errors.require(os.path.isfile(match), f'{match} is not a file.')
      found.append(pathlib.Path(match))
  return found


def _outputs(
  sources: list[pathlib.Path], folder: pathlib.Path
) -> dict[pathlib.Path, pathlib.Path]:
  """The mask of each image; none may replace another or an image."""
  by_target = {}
  for source in sources:
    target = folder / f'{source.stem}.png'
    other = by_target.setdefault(target, source)
    errors.require(
      other == source,
      f'{other} and {source} would both give {target}: send them separately.',
    )
    errors.require(
      not target.exists() or not target.samefile(source),
      f'The mask of {source} would replace it: choose another --output_dir.',
    )
  return {source: target for target, source in by_target.items()}


def _note_rotation(source: pathlib.Path, contents: bytes) -> None:
  try:
    is_rotated = orientation.noted(Image.open(io.BytesIO(contents))) > 1
  except Exception:  # not an image to Pillow; the server has the last word
    return
  if is_rotated:
    logging.warning(
      '%s is rotated by its EXIF data, which is left out: the mask fits the'
      ' pixels as they are stored.',
      source,
    )


if __name__ == '__main__':
  errors.run(main)
