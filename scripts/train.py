"""Searches for an architecture, and trains the one that was found."""

from __future__ import annotations

from deeplab_nas.cli import main

if __name__ == '__main__':
  main.script(None)
