"""What --genotype takes, and the sentences for what it does not."""

import pytest

from deeplab_nas import errors
from deeplab_nas.space import genotype as genotype_lib
from deeplab_nas.space import genotype_source, zoo


def refusal(source):
  with pytest.raises(errors.UserError) as caught:
    genotype_source.read(source)
  return str(caught.value)


def test_a_file_and_a_name_give_the_same(tmp_path):
  published = zoo.load('auto_deeplab')
  published.save(tmp_path / 'genotype.json')
  assert genotype_source.read(tmp_path / 'genotype.json') == published
  assert genotype_source.read(tmp_path) == published  # the folder of a run
  assert genotype_source.read('zoo:auto_deeplab') == published


def test_what_is_no_genotype_is_refused(tmp_path):
  assert 'known are auto_deeplab' in refusal('zoo:nothing')
  assert 'No such file' in refusal(tmp_path / 'missing.json')
  assert f'{tmp_path}/genotype.json: No such file' in refusal(tmp_path)
  (tmp_path / 'text.json').write_text('hello')
  assert 'has to be JSON' in refusal(tmp_path / 'text.json')
  assert refusal('auto_deeplab').endswith('; the zoo has zoo:auto_deeplab.')


def test_the_folder_of_an_export_holds_a_genotype(tmp_path):
  names = {'2': 'deeplabv3', '10': 'auto_deeplab', 'old': 'deeplabv3'}
  for version, name in names.items():
    assets = tmp_path / version / 'assets'
    assets.mkdir(parents=True)
    zoo.load(name).save(assets / 'genotype.json')
  newest = zoo.load('auto_deeplab')
  assert genotype_source.read(tmp_path) == newest
  assert genotype_source.find(tmp_path / '2') == zoo.load('deeplabv3')
  (tmp_path / '11').mkdir()  # without a model
  assert genotype_source.find(str(tmp_path)) == newest


def test_in_python_a_name_a_file_and_a_folder_are_enough(tmp_path):
  published = zoo.load('auto_deeplab')
  published.save(tmp_path / 'genotype.json')
  for source in (
    'auto_deeplab',
    'zoo:auto_deeplab',
    tmp_path,
    tmp_path / 'genotype.json',
    str(tmp_path / 'genotype.json'),
  ):
    assert genotype_source.find(source) == published
  assert genotype_lib.Genotype.load(tmp_path) == published
  with pytest.raises(genotype_lib.GenotypeError, match='/none/genotype.json: '):
    (tmp_path / 'none').mkdir()
    genotype_lib.Genotype.load(tmp_path / 'none')


@pytest.mark.parametrize(
  'source, part',
  [
    ('nothing', 'known are auto_deeplab'),
    ('zoo:nothing', 'known are auto_deeplab'),
    ('missing.json', 'missing.json: No such file'),
    ('runs/missing', 'runs/missing: No such file'),
  ],
)
def test_in_python_what_is_there_is_said(source, part):
  with pytest.raises(ValueError, match=part):
    genotype_source.find(source)


def test_in_python_paths_start_at_home_and_are_no_addresses(
  tmp_path, monkeypatch
):
  monkeypatch.setenv('HOME', str(tmp_path))
  published = zoo.load('auto_deeplab')
  published.save('~/genotype.json')
  assert (tmp_path / 'genotype.json').exists()
  for source in ('~', '~/genotype.json'):
    assert genotype_source.find(source) == published
  assert genotype_lib.Genotype.load('~/genotype.json') == published
  for refused in (genotype_source.find, genotype_lib.Genotype.load):
    with pytest.raises(ValueError, match='it is an address'):
      refused('gs://bucket/genotype.json')
  with pytest.raises(ValueError, match='it is an address'):
    published.save('gs://bucket/genotype.json')
