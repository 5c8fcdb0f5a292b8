"""Draws synthetic street scenes in the Cityscapes folder layout."""

from __future__ import annotations

from deeplab_nas.cli import main

if __name__ == '__main__':
  main.script('scenes')
