"""Times the operations of networks on this machine, for pick."""

from __future__ import annotations

from deeplab_nas.cli import main

if __name__ == '__main__':
  main.script('measure_latency')
