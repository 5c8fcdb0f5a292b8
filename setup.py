"""Packaging of deeplab-nas."""

import pathlib
import re

import setuptools

ROOT = pathlib.Path(__file__).parent
VERSION = re.search(
  r"__version__ = '([^']+)'",
  (ROOT / 'deeplab_nas' / '__init__.py').read_text(encoding='utf-8'),
).group(1)

# One tested stack. tensorflow-addons had its last release for TensorFlow 2.15;
# tf-models-official follows TensorFlow's minor version. A newer
# tensorflow-metadata (pulled in by tf-models-official through
# tensorflow-datasets) wants a protobuf that TensorFlow 2.15 cannot load, and a
# newer Keras or tf_keras would change what `tf.keras` is.
REQUIREMENTS = [
  'tensorflow~=2.15.0',
  'keras~=2.15.0',
  'tf_keras~=2.15.0',
  'tensorflow-addons==0.23.0',
  'keras-cv==0.9.0',
  'tf-models-official==2.15.0',
  'tensorflow-serving-api~=2.15.0',
  'tensorflow-text~=2.15.0',
  'tensorflow-metadata<1.17',
  'absl-py>=1.4',
  'numpy>=1.23,<2',
  'matplotlib>=3.5',
  'packaging>=21',
  'pillow>=9.1',
  'pyyaml>=6.0',
  'tqdm>=4.60',
  # pkg_resources, which tensorflow-hub imports, left setuptools in version 81.
  'setuptools<81',
]

setuptools.setup(
  name='deeplab-nas',
  version=VERSION,
  description=(
    'Hierarchical neural architecture search for semantic segmentation'
  ),
  long_description=(ROOT / 'README.md').read_text(encoding='utf-8'),
  long_description_content_type='text/markdown',
  license='Apache-2.0',
  packages=setuptools.find_packages(include=['deeplab_nas', 'deeplab_nas.*']),
  package_data={'deeplab_nas': ['py.typed', 'space/zoo/*.json']},
  python_requires='>=3.9,<3.12',
  install_requires=REQUIREMENTS,
  extras_require={
    'dev': [
      'pytest>=7.4',
      'pytest-xdist>=3.5',
      'hypothesis>=6.80',
      'ruff==0.17.6',
    ],
  },
  classifiers=[
    'Programming Language :: Python :: 3.9',
    'Programming Language :: Python :: 3.10',
    'Programming Language :: Python :: 3.11',
  ],
)
