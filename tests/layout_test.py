"""The house rules that a program can check."""

from __future__ import annotations

import ast
import graphlib
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
TESTS = sorted((ROOT / 'tests').rglob('*.py'))
MAX_FUNCTION_LINES, MAX_MODULE_LINES = 60, 400
PAGES = [
  *(ROOT / name for name in ('README.md', 'CONTRIBUTING.md')),
  *sorted((ROOT / 'g3doc').rglob('*.md')),
]
SHELL_SCRIPTS = [ROOT / '.ci/run', *sorted((ROOT / 'scripts').glob('*.sh'))]
# The rooms of the package in the order of its imports: each imports its own and
# those before it. Rooms in one row do not know each other.
FLOORS = (
  (
    'callable_room',
    'errors',
    'files',
    'safe_json',
    'safe_yaml',
    'commands',
    'wording',
  ),
  ('folder_lock', 'paths'),
  ('checked_fields',),
  ('space', 'data'),
  ('config',),
  ('runtime',),
  ('nn.kernels',),
  ('nn.supernet', 'nn.network'),
  ('nn.hypernetwork',),
  ('run',),
  ('evaluate',),
  ('report',),
  ('train',),
  ('search', 'serving', 'tf1'),
  ('doctor', 'api', 'timing'),
  ('cli',),
)
FLOOR = {room: i for i, rooms in enumerate(FLOORS) for room in rooms}
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


def room_of(name):
  """'nn.kernels' of 'deeplab_nas.nn.kernels.depthwise'; None of a package."""
  parts = name.split('.')[1:]
  for length in (2, 1):
    room = '.'.join(parts[:length])
    if room in FLOOR:
      return room
  return None


def imported_rooms(path):
  """Rooms of the package that a module imports, its own among them."""
  for name in imported_names(path):
    if name.startswith('deeplab_nas.') and room_of(name):
      yield room_of(name)


@pytest.mark.parametrize('path', MODULES, ids=relative)
def test_every_module_has_a_test(path):
  inside = path.relative_to(PACKAGE)
  test = ROOT / 'tests' / inside.with_name(f'{path.stem}_test.py')
  assert test.is_file()


@pytest.mark.parametrize('path', MODULES, ids=relative)
def test_imports_flow_one_way(path):
  room = room_of('.'.join(path.relative_to(ROOT).with_suffix('').parts))
  assert room, 'name its room in FLOORS'
  foreign = {
    other
    for other in imported_rooms(path)
    if other != room and FLOOR[other] >= FLOOR[room]
  }
  assert not foreign


def test_no_module_imports_itself_by_way_of_others():
  imports = {
    '.'.join(path.relative_to(ROOT).with_suffix('').parts): path
    for path in MODULES
  }
  sorter = graphlib.TopologicalSorter(
    {
      module: [name for name in imported_names(path) if name in imports]
      for module, path in imports.items()
    }
  )
  sorter.prepare()  # raises a CycleError that names the circle


def test_what_is_imported_of_this_repository_is_there():
  """Of the tests too, where a stale name would show at their collection."""
  missing = [
    f'{relative(path)}: {name}'
    for folder in (PACKAGE, ROOT / 'scripts', ROOT / 'datasets', ROOT / 'tests')
    for path in folder.rglob('*.py')
    for name in imported_names(path)
    if name.startswith(('deeplab_nas.', 'tests.')) and not is_there(name)
  ]
  assert not missing


def is_there(name):
  """Whether a dotted name is a module, or has one that could define it."""
  path = ROOT.joinpath(*name.split('.'))
  return (
    path.is_dir()
    or path.with_suffix('.py').is_file()
    or path.parent.with_suffix('.py').is_file()
    or path.name in (path.parent / '__init__.py').read_text('utf-8')
  )


@pytest.mark.parametrize(
  'folder', [p for p in PACKAGE.rglob('*') if p.is_dir()], ids=relative
)
def test_a_room_can_be_taken_in_at_a_glance(folder):
  modules = [p for p in folder.glob('*.py') if p.name != '__init__.py']
  if modules and folder.name != 'data':
    assert len(modules) <= 22


@pytest.mark.parametrize(
  'path', sorted(PACKAGE.rglob('__init__.py')), ids=relative
)
def test_a_room_says_in_one_sentence_what_belongs_there(path):
  text = ast.get_docstring(ast.parse(path.read_text('utf-8')))
  first = text.split('\n\n')[0]
  assert '\n' not in first and first.endswith('.') and '. ' not in first


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


@pytest.mark.parametrize('path', MODULES + SCRIPTS + TESTS, ids=relative)
def test_modules_and_functions_are_short_enough_to_be_read(path):
  text = path.read_text('utf-8')
  num_lines = text.count('\n')
  assert num_lines <= MAX_MODULE_LINES
  long = [
    node.name
    for node in ast.walk(ast.parse(text))
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    and node.end_lineno - node.lineno >= MAX_FUNCTION_LINES
  ]
  assert not long


@pytest.fixture(scope='module')
def private_names():
  """Of functions, constants and attributes that the package defines."""
  found = {
    name
    for path in PACKAGE.rglob('*.py')
    for name in re.findall(
      r'(?:def |class |self\.|^)(_[a-zA-Z]\w*)',
      path.read_text('utf-8'),
      re.MULTILINE,
    )
  }
  return found - {'_replace', '_repr_png_'}  # public, as Python and IPython say


def called(node):
  """'setattr' of a call of it, or of a method with that name."""
  return getattr(node.func, 'attr', getattr(node.func, 'id', ''))


@pytest.mark.parametrize('path', TESTS, ids=relative)
def test_tests_touch_only_what_is_public(path, private_names):
  touched = set()
  for node in ast.walk(ast.parse(path.read_text('utf-8'))):
    if isinstance(node, ast.Attribute):
      if getattr(node.value, 'id', '') not in ('self', 'cls'):
        touched.add(node.attr)
    elif isinstance(node, ast.ImportFrom):
      touched |= {alias.name for alias in node.names}
    elif isinstance(node, ast.Call) and 'attr' in called(node):
      touched |= {getattr(argument, 'value', None) for argument in node.args}
  assert sorted(filter(private_names.__contains__, touched)) == []


@pytest.mark.parametrize('path', [*PAGES, *SHELL_SCRIPTS], ids=relative)
def test_every_path_that_a_page_or_a_script_names_exists(path):
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
    'from deeplab_nas import errors\n'
    'from deeplab_nas.config import config, presets\n'
    'from deeplab_nas.data import dataset_info, shards\n'
    'from deeplab_nas.run import directory\n'
    'from deeplab_nas.runtime import tensorflow_setup\n'
    'from deeplab_nas.space import genotype_source\n'
    'sys.exit("tensorflow" in sys.modules)\n'
  )
  assert subprocess.run([sys.executable, '-c', program]).returncode == 0
