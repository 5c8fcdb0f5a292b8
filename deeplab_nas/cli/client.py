"""`client`: asks a TF Serving for the masks of images."""

from __future__ import annotations

import glob
import io
import os
import pathlib
from collections.abc import Sequence

from absl import flags, logging
from PIL import Image

from deeplab_nas import errors
from deeplab_nas.cli import command, conversion_flags
from deeplab_nas.cli import flags as flags_lib
from deeplab_nas.data import image_files, orientation
from deeplab_nas.serving import names

_PORTS = {'rest': 8501, 'grpc': 8500}


def _define(values: flags.FlagValues) -> None:
  define = flags_lib.Definer(values)
  define.string(
    'server', None, 'host:port; 8501 is usual for REST, 8500 for gRPC.'
  )
  define.enum('protocol', 'rest', ['rest', 'grpc'], 'How to talk.')
  define.string('model_name', names.MODEL, "The server's name for it.")
  define.paths('input', [], 'JPEG and PNG files, or patterns of names.')
  define.path('output_dir', None, 'Folder for the masks.')
  define.float('timeout', 60, 'Seconds to wait for a mask.', 0.001)
  conversion_flags.define_max_image_pixels(values)


def _main(values: flags.FlagValues, argv: Sequence[str]) -> None:
  errors.require(
    bool(values.input), 'Say which images to send with --input=FILE,FILE.'
  )
  errors.require(
    values.output_dir is not None,
    'Say where the masks go with --output_dir=DIR.',
  )
  outputs = _outputs(_inputs(values.input), pathlib.Path(values.output_dir))
  server = values.server or f'localhost:{_PORTS[values.protocol]}'
  # Imported late: gRPC's stubs import TensorFlow, which takes seconds.
  from deeplab_nas.serving import client as client_lib

  with client_lib.connect(
    server, values.protocol, values.model_name, values.timeout
  ) as client:
    _segment(client, outputs, values.max_image_pixels)


def _segment(
  client, outputs: dict[pathlib.Path, pathlib.Path], max_pixels: int
) -> None:
  """Writes a mask for each image; tells at the end which had none."""
  from deeplab_nas.serving import reply

  problems = []
  for source, target in outputs.items():
    try:
      image_files.refuse_large(source, max_pixels)
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


def _inputs(names_: Sequence[str]) -> list[pathlib.Path]:
  found = []
  for name in names_:
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


CLIENT = command.Command(
  name='client',
  summary='Sends images to TF Serving and writes the masks that come back.',
  define=_define,
  main=_main,
  examples=(
    (
      *('client', '--server=localhost:8501', '--protocol=rest'),
      *('--input=photo.jpg', '--output_dir=masks'),
    ),
  ),
  text="""
Each mask is a grey PNG of class indices, of the size of its image, named after
it. An image that the server cannot use is reported; the others are written.
""",
)
