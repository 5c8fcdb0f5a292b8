"""Tests of the package, its scripts and its pages."""

import os

# Before NumPy: matrices are small, and threads wait for each other busily.
os.environ.setdefault('OPENBLAS_NUM_THREADS', '1')
