"""Packaging of deeplab-nas."""

from __future__ import annotations

import os
import pathlib
import re

import setuptools

ROOT = pathlib.Path(__file__).parent
VERSION = re.search(
  r"__version__ = '([^']+)'",
  (ROOT / 'deeplab_nas' / '__init__.py').read_text(encoding='utf-8'),
).group(1)

# Two tested stacks; `g3doc/setup/python_versions.md` says which is whose.
#
# TensorFlow 2.15 is the last one whose own Keras is Keras 2, and the last one
# that tensorflow-addons had a release for. tf-models-official follows
# TensorFlow's minor version. A newer tensorflow-metadata (pulled in by
# tf-models-official through tensorflow-datasets) wants a protobuf that
# TensorFlow 2.15 cannot load, and a newer Keras or tf_keras would change what
# `tf.keras` is.
TENSORFLOW_2_15 = [
  'tensorflow~=2.15.0',
  'keras~=2.15.0',
  'tf_keras~=2.15.0',
  'tensorflow-addons==0.23.0',
  'keras-cv==0.9.0',
  'tf-models-official==2.15.0',
  'tensorflow-serving-api~=2.15.0',
  'tensorflow-text~=2.15.0',
  'tensorflow-metadata<1.17',
  'numpy>=1.23,<2',
]
# Its `tf.keras` is tf_keras, which is Keras 2:
# `deeplab_nas/runtime/legacy_keras.py`.
TENSORFLOW_2_20 = [
  'tensorflow~=2.20.0',
  'tf_keras~=2.20.0',
  'keras-cv==0.9.0',
  'tf-models-official==2.20.0',
  'tensorflow-serving-api~=2.20.0',
  'tensorflow-text~=2.20.0',
  'numpy>=1.26,<3',
]
REQUIREMENTS = [
  'absl-py>=1.4',
  'matplotlib>=3.5',
  # The ledger of a search, and some of its samplers.
  'optuna>=5.0,<6',
  'packaging>=21',
  'pillow>=9.1',
  'pyyaml>=6.0',
  'scikit-learn>=1.2',
  'scipy>=1.9',
  'threadpoolctl>=3.1',
  'tqdm>=4.60',
  # pkg_resources, which tensorflow-hub imports, left setuptools in version 81.
  'setuptools<81',
]


def tensorflow_requirements() -> list[str]:
  """The stack of a Python; DEEPLAB_NAS_TENSORFLOW=2.20 sets it for all."""
  chosen = os.environ.get('DEEPLAB_NAS_TENSORFLOW', '')
  stacks = {
    '': [
      *(f"{name}; python_version < '3.12'" for name in TENSORFLOW_2_15),
      *(f"{name}; python_version >= '3.12'" for name in TENSORFLOW_2_20),
    ],
    '2.15': TENSORFLOW_2_15,
    '2.20': TENSORFLOW_2_20,
  }
  if chosen not in stacks:
    raise SystemExit(
      f'DEEPLAB_NAS_TENSORFLOW is {chosen!r}, expected 2.15 or 2.20.'
    )
  return stacks[chosen]


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
  package_data={
    'deeplab_nas': [
      'py.typed',
      'space/zoo/*.json',
      'search/trials/table/*.jsonl',
    ]
  },
  entry_points={
    'console_scripts': ['deeplab-nas = deeplab_nas.cli.main:main'],
  },
  python_requires='>=3.9,<3.14',
  install_requires=[*tensorflow_requirements(), *REQUIREMENTS],
  extras_require={
    # Trials on many machines. Ray imports pyarrow where it is installed, as it
    # is with the datasets of tf-models-official; from version 26 on, that wants
    # NumPy 2.
    'cluster': ['ray>=2.51.2,<3', 'pyarrow<26'],
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
    'Programming Language :: Python :: 3.12',
    'Programming Language :: Python :: 3.13',
  ],
)
