"""Sends images to TF Serving and writes the masks that come back."""

from __future__ import annotations

from deeplab_nas.cli import main

if __name__ == '__main__':
  main.script('client')
