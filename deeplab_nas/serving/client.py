"""Image files in, masks out, through a model that TF Serving serves.

    with connect('localhost:8501', 'rest', 'deeplab_nas') as client:
      mask = client.mask('photo.jpg')   # uint8 [H, W]

Imports no TensorFlow for REST, and for gRPC only what the official stubs do.
"""

from __future__ import annotations

import io
import os

import numpy as np
from PIL import Image

from deeplab_nas import commands, errors
from deeplab_nas.data import image_files
from deeplab_nas.serving import names, reply
from deeplab_nas.serving.transport import rest_client

PROTOCOLS = ('rest', 'grpc')


class Client:
  """Segments images; takes masks as PNG files where the model offers them.

  Attributes:
    transport: A `RestClient` or a `GrpcClient`.
  """

  def __init__(self, transport):
    self.transport = transport
    self._signatures: dict[str, list[str]] | None = None

  def __enter__(self) -> Client:
    return self

  def __exit__(self, *_) -> None:
    self.transport.close()

  def mask(self, image: bytes | str | os.PathLike[str]) -> np.ndarray:
    """The class of each pixel, uint8 [H, W].

    Args:
      image: Path of an image file, which is sent as converters and prediction
        see it: upright, and as JPEG or PNG. Or the contents of a JPEG or PNG
        file, whose pixels count as they are stored: the server turns nothing.

    Raises:
      RefusedImage: If the server cannot use the file.
      UserError: If there is no such file, server or model, or the server
        answers nonsense.
    """
    if isinstance(image, bytes):
      contents = image
    else:
      contents = image_files.read(os.fspath(image)).encoded
    if self._signatures is None:
      self._signatures = self._checked(self.transport.outputs())
    is_png = names.PNG_SIGNATURE in self._signatures
    if is_png:
      found = self.transport.predict(
        names.PNG_SIGNATURE, [contents], [names.MASK_PNG]
      )
    else:
      found = self.transport.predict(
        names.BYTES_SIGNATURE, [contents], [names.CLASSES, names.SIZES]
      )
    try:
      mask = _of_png(found) if is_png else _of_classes(found)
    # Whatever a server sends that is none of ours.
    except Exception as error:
      raise reply.no_mask(self.transport.server) from error
    if mask.ndim != 2 or mask.dtype != np.uint8:
      raise reply.no_mask(self.transport.server)
    return mask

  def _checked(self, signatures: dict[str, list[str]]) -> dict[str, list[str]]:
    needed = {names.CLASSES, names.SIZES}
    errors.require(
      needed <= set(signatures.get(names.BYTES_SIGNATURE, ())),
      f'The model {self.transport.model_name!r} has no signature'
      f' {names.BYTES_SIGNATURE} with {" and ".join(sorted(needed))}: export'
      f' it with {commands.name("export")}.',
    )
    return signatures


def _of_png(found: dict[str, np.ndarray]) -> np.ndarray:
  content = io.BytesIO(found[names.MASK_PNG][0])
  return np.asarray(Image.open(content, formats=['PNG']))


def _of_classes(found: dict[str, np.ndarray]) -> np.ndarray:
  # A server that joins requests to batches pads the masks of small images.
  height, width = found[names.SIZES][0]
  return found[names.CLASSES][0, :height, :width].astype(np.uint8)


def connect(
  server: str, protocol: str, model_name: str, timeout: float = 60
) -> Client:
  """A client of one model.

  Args:
    server: 'host:port'; for REST also a URL.
    protocol: 'rest' or 'grpc'.
    model_name: As TF Serving knows it.
    timeout: Seconds to wait for an answer.
  """
  if protocol == 'rest':
    return Client(rest_client.RestClient(server, model_name, timeout))
  errors.require(
    protocol == 'grpc',
    f'There is no protocol {protocol!r}: choose among {", ".join(PROTOCOLS)}.',
  )
  # Imported late: the official stubs import all of TensorFlow.
  from deeplab_nas.serving.transport import grpc_client

  return Client(grpc_client.GrpcClient(server, model_name, timeout))
