"""The house rules that a program can check."""

from __future__ import annotations

import ast
import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parent.parent
PACKAGE = ROOT / 'deeplab_nas'
MODULES = sorted(
  path for path in PACKAGE.rglob('*.py') if path.name != '__init__.py'
)
SCRIPTS = sorted(
  path
  for folder in ('datasets', 'scripts', 'scripts/serving')
  for path in (ROOT / folder).glob('*.py')
  if path.name != '__init__.py'
)
PAGES = [
  *(ROOT / name for name in ('README.md', 'CONTRIBUTING.md')),
  *sorted((ROOT / 'g3doc').rglob('*.md')),
]
# What each part of the package may import of the others.
ALLOWED_IMPORTS = {
  'space': {'small_file', 'whole_file'},
  'data': {'errors', 'plain_yaml', 'small_file', 'whole_file'},
  'nn': {'errors', 'onednn', 'space'},
  'train': {
    *('errors', 'config', 'config_field', 'config_runtime', 'presets'),
    *('plain_yaml', 'small_file', 'whole_file'),
    *('space', 'data', 'nn'),
  },
  'search': {
    *('errors', 'config', 'config_field', 'config_runtime', 'presets'),
    'whole_file',
    *('space', 'data', 'nn', 'train'),
  },
  'serving': {
    *('errors', 'config', 'config_field', 'config_runtime', 'presets'),
    'whole_file',
    *('space', 'data', 'nn', 'train'),
  },
  'benchmarks': {
    *('errors', 'config', 'config_field', 'config_runtime', 'presets'),
    *('allocator', 'whole_file'),
    *('space', 'data', 'nn', 'train', 'search', 'serving'),
  },
  'doctor': {
    *('allocator', 'config', 'onednn'),
    *('space', 'data', 'nn', 'search'),
  },
  'config': {
    *('errors', 'config_field', 'config_runtime', 'config_train', 'presets'),
    *('plain_yaml', 'small_file'),
    *('space', 'data'),
  },
  # Both import what they build only when they build it.
  'config_train': {'errors', 'config_field', 'space', 'nn'},
  'config_field': {'errors'},
  'config_runtime': {'config_field'},
  'presets': set(),
  'errors': set(),
  'allocator': set(),
  'plain_yaml': set(),
  'small_file': set(),
  'legacy_keras': set(),
  'onednn': set(),
  'whole_file': set(),
}
# A path of this repository: a known first folder, or a file of the top folder.
PATH_PATTERN = re.compile(
  r'(?<![\w./-])((?:deeplab_nas|datasets|scripts|g3doc|tests|\.ci)'
  r'(?:/[\w.*-]+)+/?|(?:setup\.py|pyproject\.toml|LICENSE)\b)'
)


def relative(path):
  return str(path.relative_to(ROOT))


def imported_names(path):
  """Dotted names that a module imports."""
  for node in ast.walk(ast.parse(path.read_text('utf-8'))):
    if isinstance(node, ast.Import):
      yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
      assert node.level == 0, f'{path} has a relative import'
      yield from (f'{node.module}.{alias.name}' for alias in node.names)


def imported_parts(path):
  """Names x of `deeplab_nas.x` that a module imports."""
  for name in imported_names(path):
    first, *rest = name.split('.')
    if first == 'deeplab_nas' and rest:
      yield rest[0]


@pytest.mark.parametrize('path', MODULES, ids=relative)
def test_every_module_has_a_test(path):
  inside = path.relative_to(PACKAGE)
  test = ROOT / 'tests' / inside.with_name(f'{path.stem}_test.py')
  assert test.is_file()


@pytest.mark.parametrize('path', MODULES, ids=relative)
def test_imports_flow_one_way(path):
  part = path.relative_to(PACKAGE).parts[0].replace('.py', '')
  foreign = set(imported_parts(path)) - {part} - ALLOWED_IMPORTS[part]
  assert not foreign


@pytest.mark.parametrize('path', MODULES + SCRIPTS, ids=relative)
def test_keras_is_that_of_tensorflow_and_there_are_no_addons(path):
  packages = {name.split('.')[0] for name in imported_names(path)}
  assert not packages & {'keras', 'tf_keras', 'tensorflow_addons'}


@pytest.mark.parametrize('path', MODULES + SCRIPTS, ids=relative)
def test_every_module_says_what_it_is_and_runs_on_python_3_9(path):
  tree = ast.parse(path.read_text('utf-8'), feature_version=(3, 9))
  assert ast.get_docstring(tree)
  imports = [n for n in tree.body if isinstance(n, ast.ImportFrom)]
  if imports:
    assert imports[0].module == '__future__'


@pytest.mark.parametrize('path', PAGES, ids=relative)
def test_every_path_that_a_page_names_exists(path):
  missing = [
    name
    for name in PATH_PATTERN.findall(path.read_text('utf-8'))
    if not list(ROOT.glob(name.rstrip('./')))
  ]
  assert not missing


def test_what_answers_typing_mistakes_imports_no_tensorflow():
  program = (
    'import sys\n'
    'from deeplab_nas.doctor import checkup\n'
    'from deeplab_nas import config, errors, presets\n'
    'from deeplab_nas.data import dataset_info, shards\n'
    'from deeplab_nas.train import duration, run_directory, runtime\n'
    'from deeplab_nas.train import genotype_source\n'
    'sys.exit("tensorflow" in sys.modules)\n'
  )
  assert subprocess.run([sys.executable, '-c', program]).returncode == 0
