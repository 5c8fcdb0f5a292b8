"""Converts your own images and masks to TFRecord shards."""

from __future__ import annotations

from deeplab_nas.cli import main

if __name__ == '__main__':
  main.script('convert folder')
