"""Picks the best architecture of a search within a budget."""

from __future__ import annotations

from deeplab_nas.cli import main

if __name__ == '__main__':
  main.script('pick')
