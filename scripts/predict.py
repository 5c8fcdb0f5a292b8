"""Segments images: a file, a folder or a glob."""

from __future__ import annotations

from deeplab_nas.cli import main

if __name__ == '__main__':
  main.script('predict')
