"""The exported model runs without Python, below TensorFlow's C interface."""

from __future__ import annotations

import pathlib
import shutil
import subprocess

import numpy as np
import pytest
import tensorflow as tf

from deeplab_nas.serving import graph_ops, saved_model
from tests.serving import tiny

pytestmark = pytest.mark.slow

SOURCE = pathlib.Path(__file__).with_name('run_saved_model.c')
LIBRARIES = ('libtensorflow_cc.so.2', 'libtensorflow_framework.so.2')


@pytest.fixture(scope='module')
def program(tmp_path_factory):
  """The compiled C program."""
  compiler = shutil.which('gcc')
  if compiler is None:
    pytest.skip('gcc is not installed, so the C program cannot be compiled')
  library_dir = pathlib.Path(tf.sysconfig.get_lib())
  if not all((library_dir / name).exists() for name in LIBRARIES):
    pytest.skip('this wheel of TensorFlow ships no C library')
  path = tmp_path_factory.mktemp('c') / 'run_saved_model'
  command = [
    compiler,
    '-Wall',
    '-Werror',
    str(SOURCE),
    '-o',
    str(path),
    '-I',
    tf.sysconfig.get_include(),
    '-L',
    str(library_dir),
    *(f'-l:{name}' for name in LIBRARIES),
    f'-Wl,-rpath,{library_dir}',
  ]
  result = subprocess.run(command, capture_output=True, text=True)
  assert result.returncode == 0, result.stderr
  return path


def run(program, *arguments, stdin):
  return subprocess.run(
    [str(program), *map(str, arguments)],
    input=stdin,
    capture_output=True,
    env={'TF_CPP_MIN_LOG_LEVEL': '3'},  # no PATH, no PYTHONPATH
  )


def tensors(version_dir, signature, name):
  """Names of the input and of one output of a signature."""
  definition = graph_ops.signatures(version_dir)[signature]
  (source,) = definition.inputs.values()
  return source.name, definition.outputs[name].name


def classes(result):
  """The result as an array; its shape is the last line of standard error."""
  assert result.returncode == 0, result.stderr
  shape = [int(x) for x in result.stderr.splitlines()[-1].split()]
  return np.frombuffer(result.stdout, np.uint8).reshape(shape)


def test_the_program_has_no_python_in_it(program):
  result = subprocess.run(['ldd', program], capture_output=True, text=True)
  assert 'libtensorflow_cc' in result.stdout
  assert 'libpython' not in result.stdout


def test_classes_of_images_are_those_of_python(program, exported):
  image = tiny.photo(45, 67)
  names = tensors(exported, 'serving_default', 'classes')
  result = run(
    program, exported, 'images', *names, 45, 67, stdin=image.tobytes()
  )
  expected = saved_model.load(exported).classes(image[np.newaxis])
  np.testing.assert_array_equal(classes(result), expected)


@pytest.mark.parametrize('name', ['one pixel', 'narrow', 'rgba'])
def test_classes_of_files_are_those_of_python(program, exported, name):
  contents = tiny.odd_files()[name]
  names = tensors(exported, 'serving_bytes', 'classes')
  result = run(program, exported, 'bytes', *names, stdin=contents)
  (expected,) = saved_model.load(exported).classes_of_bytes([contents])
  np.testing.assert_array_equal(classes(result), expected[np.newaxis])


def test_a_broken_file_is_an_error_there_too(program, exported):
  contents, reason = tiny.broken_files()['truncated jpeg']
  names = tensors(exported, 'serving_bytes', 'classes')
  result = run(program, exported, 'bytes', *names, stdin=contents)
  assert result.returncode == 1
  assert reason in result.stderr.decode()
