"""Compares strategies by searches of equal processor time."""

from __future__ import annotations

from deeplab_nas.cli import main

if __name__ == '__main__':
  main.script('compare-strategies')
