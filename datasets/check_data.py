"""Checks a dataset before training: TFRecord shards, or a folder to convert."""

from __future__ import annotations

from deeplab_nas.cli import main

if __name__ == '__main__':
  main.script('check')
