"""Takes over a network that the released TensorFlow 1 code has trained."""

from __future__ import annotations

from deeplab_nas.cli import main

if __name__ == '__main__':
  main.script('import-tf1')
