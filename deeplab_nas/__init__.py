"""Hierarchical neural architecture search for semantic segmentation.

Reference:
  Liu et al., Auto-DeepLab: Hierarchical Neural Architecture Search for
  Semantic Image Segmentation, CVPR 2019, https://arxiv.org/abs/1901.02985
"""

__version__ = '0.1.0'
