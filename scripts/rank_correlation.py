"""Says whether a supernet ranks architectures as trainings do."""

from __future__ import annotations

from deeplab_nas.cli import main

if __name__ == '__main__':
  main.script('rank-correlation')
