"""Compares two trained networks on the same images."""

from __future__ import annotations

from deeplab_nas.cli import main

if __name__ == '__main__':
  main.script('compare')
