"""Converts Cityscapes, or data in its folder layout, to TFRecord shards."""

from __future__ import annotations

from deeplab_nas.cli import main

if __name__ == '__main__':
  main.script('convert cityscapes')
