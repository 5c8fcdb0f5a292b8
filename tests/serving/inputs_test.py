"""Which files a path stands for, in folders as they are."""

import pytest

from deeplab_nas import errors
from deeplab_nas.serving import inputs


@pytest.fixture
def folder(tmp_path):
  root = tmp_path / 'images'
  for name in ('a.png', 'sub/b.bmp', 'notes.txt'):
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b'x')
  return root


def test_a_file_a_folder_and_a_glob_are_found(folder):
  names = ['a.png', 'sub/b.bmp']
  assert inputs.find_images(str(folder)) == [folder / n for n in names]
  assert inputs.find_images(f'{folder}/a.png') == [folder / 'a.png']
  assert inputs.find_images(f'{folder}/*.png') == [folder / 'a.png']
  assert inputs.find_images(f'{folder}/**/*.bmp') == [folder / names[1]]
  assert inputs.find_images(f'{folder}/s*') == [folder / names[1]]
  assert inputs.find_images(f'{folder}/notes.txt') == [folder / 'notes.txt']


def test_what_other_programs_leave_is_no_image(folder, tmp_path):
  expected = inputs.find_images(str(folder))
  for name in (
    '._a.png',
    '__MACOSX/._a.png',
    '.ipynb_checkpoints/a-checkpoint.png',
    'Thumbs.db',
    'desktop.ini',
    '.DS_Store',
  ):
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b'x')
  assert inputs.find_images(str(folder)) == expected
  (folder / 'dir.png').mkdir()
  assert inputs.find_images(str(folder)) == expected
  assert inputs.find_images(f'{folder}/*.png') == [folder / 'a.png']


def test_images_of_formats_that_are_not_read_are_told(folder, caplog):
  expected = inputs.find_images(str(folder))
  assert 'left out' not in caplog.text
  for name in ('IMG_1.HEIC', 'sub/b.dng'):
    (folder / name).write_bytes(b'x')
  assert inputs.find_images(str(folder)) == expected
  text = f'2 files of formats that are not read are left out, first {folder}'
  assert text in caplog.text


def test_linked_folders_are_followed_once(folder, tmp_path):
  other = tmp_path / 'other'
  other.mkdir()
  (other / 'c.png').write_bytes(b'x')
  (folder / 'linked').symlink_to(other)
  (folder / 'sub' / 'up').symlink_to(folder)
  names = [str(p.relative_to(folder)) for p in inputs.find_images(str(folder))]
  assert names == ['a.png', 'linked/c.png', 'sub/b.bmp']
  (tmp_path / 'all').symlink_to(folder)
  assert len(inputs.find_images(str(tmp_path / 'all'))) == 3


@pytest.mark.parametrize(
  'pattern', ['nothing', '*.jpg', 'sub/*.png', 'n/*.png']
)
def test_what_is_not_there_is_a_sentence(folder, pattern):
  with pytest.raises(errors.UserError, match='names no file and no folder'):
    inputs.find_images(f'{folder}/{pattern}')


@pytest.mark.parametrize('pattern', ['empty', 'emp*', 'text/*.txt', 'text'])
def test_no_images_are_a_sentence(folder, pattern):
  (folder / 'empty').mkdir()
  (folder / 'text').mkdir()
  (folder / 'text' / 'a.txt').write_text('a')
  with pytest.raises(errors.UserError, match=r'has no image \(.jpg, '):
    inputs.find_images(f'{folder}/{pattern}')


def test_results_of_an_earlier_call_are_no_images(folder):
  before = inputs.find_images(str(folder))
  (folder / 'out').mkdir()
  (folder / 'out' / 'a.png').write_bytes(b'x')
  assert inputs.find_images(str(folder), folder / 'out') == before
  assert len(inputs.find_images(str(folder))) == 3


@pytest.mark.parametrize('name', ['e[1]', 'a*b', 'q?', 'back\\slash', '{a,b}'])
def test_a_name_that_reads_like_a_pattern_is_itself(tmp_path, name):
  for other in (name, 'e1', 'axb', 'qq', 'backslash'):
    (tmp_path / other).mkdir()
    (tmp_path / other / 'a.png').write_bytes(b'x')
    (tmp_path / f'{other}.png').write_bytes(b'x')
  file, inside = tmp_path / f'{name}.png', tmp_path / name / 'a.png'
  assert inputs.find_images(str(file)) == [file]
  assert inputs.find_images(str(tmp_path / name)) == [inside]
  assert inputs.find_images(f'{tmp_path}/{name}/*.png') == [inside]
  assert inputs.expand(file) == [file]


def test_a_comma_may_be_part_of_a_name(tmp_path):
  for name in ('a,b.png', 'c.png', 'd, e,f.png', 'g.jpg'):
    (tmp_path / name).write_bytes(b'x')

  def found(text):
    parts = [part.strip() for part in text.split(',')]
    return [path.name for path in inputs.files_of_list(parts, 'input')]

  root = str(tmp_path)
  assert found(f'{root}/a,b.png') == ['a,b.png']
  assert found(f'{root}/c.png,{root}/a,b.png,{root}/g.jpg') == [
    'c.png',
    'a,b.png',
    'g.jpg',
  ]
  assert found(f'{root}/*.jpg,{root}/c.png,{root}/c.png') == ['g.jpg', 'c.png']
  with pytest.raises(errors.UserError, match='--input=.*none.png names no'):
    found(f'{root}/c.png,{root}/none.png')
  with pytest.raises(errors.UserError, match='is not a file'):
    found(root)
