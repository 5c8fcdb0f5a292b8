"""Converts Pascal VOC 2012, or data in its folder layout, to TFRecord."""

from __future__ import annotations

from deeplab_nas.cli import main

if __name__ == '__main__':
  main.script('convert voc')
