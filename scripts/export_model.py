"""Exports a trained network for TF Serving, and on request for TFLite."""

from __future__ import annotations

from deeplab_nas.cli import main

if __name__ == '__main__':
  main.script('export')
