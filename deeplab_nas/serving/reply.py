"""What can go wrong between client and server, in sentences."""

from __future__ import annotations

from deeplab_nas import commands, errors


class RefusedImage(errors.UserError):
  """The server is well, but cannot use this image; the message says why."""


def not_there(server: str, reason: str, protocol: str) -> errors.UserError:
  return errors.UserError(
    f'No TF Serving answers at {server} over {protocol} ({reason}): start it,'
    ' or correct --server or --protocol.'
  )


def no_serving(server: str, protocol: str, port: int) -> errors.UserError:
  return errors.UserError(
    f'What answers at {server} does not speak TF Serving over {protocol}: its'
    f' port for {protocol} is usually {port}.'
  )


def no_mask(server: str) -> errors.UserError:
  return errors.UserError(
    f'What {server} answered is no mask: see whether the model there is one'
    f' that {commands.name("export")} wrote.'
  )


def model_missing(server: str, model_name: str) -> errors.UserError:
  return errors.UserError(
    f'{server} serves no model named {model_name!r}, or has not loaded it yet:'
    ' correct --model_name, or look at the log of the server.'
  )


def too_slow(server: str, timeout: float) -> errors.UserError:
  return errors.UserError(
    f'{server} did not answer within {timeout:g} seconds: allow more with'
    ' --timeout, or send smaller images.'
  )


def server_failed(server: str, reason: str) -> errors.UserError:
  return errors.UserError(f'{server} failed ({reason}): look at its log.')
