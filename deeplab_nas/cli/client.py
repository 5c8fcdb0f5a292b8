"""`client`: asks TF Serving for the masks of images."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence

from absl import flags

from deeplab_nas import errors
from deeplab_nas.cli import command, conversion_flags
from deeplab_nas.cli import flags as flags_lib
from deeplab_nas.serving import inputs, names, sending

_PORTS = {'rest': 8501, 'grpc': 8500}


def _define(values: flags.FlagValues) -> None:
  define = flags_lib.Definer(values)
  define.string(
    'server', None, 'host:port; 8501 is usual for REST, 8500 for gRPC.'
  )
  define.enum('protocol', 'rest', ['rest', 'grpc'], 'How to talk.')
  define.string('model_name', names.MODEL, "The server's name for it.")
  define.paths('input', [], 'Image files, or patterns of names.')
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
  sources = inputs.files_of_list(values.input, 'input')
  outputs = sending.targets(sources, pathlib.Path(values.output_dir))
  server = values.server or f'localhost:{_PORTS[values.protocol]}'
  # Imported late: gRPC's stubs import TensorFlow, which takes seconds.
  from deeplab_nas.serving import client as client_lib

  with client_lib.connect(
    server, values.protocol, values.model_name, values.timeout
  ) as client:
    problems = sending.segment(client, outputs, values.max_image_pixels)
  if problems:
    raise errors.UserError('\n'.join(problems))


CLIENT = command.Command(
  name='client',
  summary='Sends images to TF Serving and writes the masks that come back.',
  define=_define,
  main=_main,
  examples=(
    (
      'client',
      '--server=localhost:8501',
      '--protocol=rest',
      '--input=photo.jpg',
      '--output_dir=masks',
    ),
  ),
  text="""
Each mask is a grey PNG of class indices, of the size of its image as it is
viewed, named after it. An image that cannot be used is reported; the others are
written.
""",
)
