"""Which trainings may teach, and why others are refused."""

import dataclasses
import shutil

import pytest

from deeplab_nas import errors
from deeplab_nas.config import config as config_lib
from deeplab_nas.space import genotype
from deeplab_nas.train import teacher
from tests.train import teachers, tiny_training

NETWORK = config_lib.NetworkConfig(**tiny_training.NETWORK)


@pytest.fixture(scope='module')
def run(info, tmp_path_factory):
  path = tmp_path_factory.mktemp('teacher') / 'run'
  return teachers.without_weights(path, info, filter_multiplier=2)


def test_it_is_read_with_a_width_of_its_own(run, info):
  narrow = dataclasses.replace(NETWORK, batch_norm_momentum=0.9)
  found = teacher.read(run.path, narrow, info)
  assert found.genotype == tiny_training.GENOTYPE
  assert found.network.filter_multiplier == 2
  assert found.network.batch_norm_momentum == 0.5


@pytest.mark.parametrize('what', ['a folder', 'nothing'])
def test_what_is_no_training_is_refused(info, tmp_path, what):
  folder, text = (
    ('', 'with --init_from=RUN')
    if what == 'nothing'
    else (tmp_path, 'is no run folder')
  )
  with pytest.raises(errors.UserError, match=text):
    teacher.read(folder, NETWORK, info)


def test_a_training_without_a_checkpoint_is_refused(run, info, tmp_path):
  shutil.copytree(run.path, tmp_path / 'run')
  shutil.rmtree(tmp_path / 'run' / 'best')
  with pytest.raises(errors.UserError, match='has no checkpoint in best/'):
    teacher.read(tmp_path / 'run', NETWORK, info)


def test_other_classes_are_refused_and_other_colours_are_not(run, info):
  renamed = dataclasses.replace(info, class_names=('road', 'sea', 'car'))
  with pytest.raises(errors.UserError, match='class 1 is sea, was sky'):
    teacher.read(run.path, NETWORK, renamed)
  painted = dataclasses.replace(info, palette=((1, 1, 1), (2, 2, 2), (3, 3, 3)))
  teacher.read(run.path, NETWORK, painted)


def test_another_head_is_refused_with_what_to_set(run, info):
  other = dataclasses.replace(NETWORK, aspp_rates=(4, 8), head_filters=512)
  with pytest.raises(
    errors.UserError,
    match=r'head_filters=256 --set=network.aspp_rates=\[2\]\.$',
  ):
    teacher.read(run.path, other, info)


def test_stem_and_head_may_be_narrower_in_all_their_parts(run, info):
  narrow = dataclasses.replace(
    NETWORK, head_filters=16, stem_filters=(64, 32, 8)
  )
  found = teacher.read(run.path, narrow, info)
  assert found.wide(narrow) == dataclasses.replace(NETWORK, filter_multiplier=2)
  wider = dataclasses.replace(narrow, stem_filters=(8, 65, 8))
  with pytest.raises(errors.UserError, match=r'stem_filters=\[64,64,128\]\.$'):
    teacher.read(run.path, wider, info)


def test_students_of_another_depth_are_refused(run, info):
  found = teacher.read(run.path, NETWORK, info)
  found.require_fits(tiny_training.OTHER_GENOTYPE)
  cell = tiny_training.GENOTYPE.cell
  for student, text in (
    (genotype.Genotype((0, 0), cell), 'has 2 layers, but .* has 1,'),
    (genotype.Genotype((0,), 2 * cell), 'has 2 blocks, but .* has 1,'),
  ):
    with pytest.raises(errors.UserError, match=text):
      found.require_fits(student)
