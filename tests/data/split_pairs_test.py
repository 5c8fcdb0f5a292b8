from __future__ import annotations

import pytest

from deeplab_nas import errors
from deeplab_nas.data import layouts
from tests.data import tiny_folder
from tests.data.tiny_folder import picture, stripes

LABELS = 'sky\nroad\ncar\n'


def names(source) -> dict[str, list[str]]:
  return {k: [p.name for p in v] for k, v in source.splits.items()}


@pytest.mark.parametrize(
  ('images', 'masks'),
  [
    (('train', 'valid'), ('train', 'valid')),
    (('training', 'validation'), ('train', 'val')),
    (('Train', 'Dev'), ('train', 'valid')),
  ],
)
def test_folders_of_images_and_masks_may_be_spelled_differently(
  images, masks, tmp_path
):
  folder = tiny_folder.TinyFolder(tmp_path, '')
  for seed, (first, second) in enumerate(zip(images, masks)):
    folder.image(f'{first}/a.png', picture(seed))
    folder.mask(f'{second}/a.png', stripes())
  folder.image('test/z.png', picture(9))
  assert names(layouts.folder(tmp_path)) == {
    'train': ['train/a'],
    'val': ['val/a'],
    'test': ['test/z'],
  }
  (tmp_path / 'masks' / masks[1] / 'a.png').unlink()
  folder.mask(f'{masks[1]}/b.png', stripes())
  with pytest.raises(errors.UserError, match='a.png has no mask'):
    layouts.folder(tmp_path)


def nested(root, pattern: str, mask_pattern: str) -> tiny_folder.TinyFolder:
  folder = tiny_folder.TinyFolder(root, '')
  for seed, split in enumerate(('train', 'valid', 'test')):
    for name, pixels in ((pattern, picture(seed)), (mask_pattern, stripes())):
      folder.image('x.png', pixels).rename(
        folder.path(name.format(split=split))
      )
  (root / 'images').rmdir()
  return folder


@pytest.mark.parametrize(
  ('image', 'mask'),
  [
    ('{split}/images/a.png', '{split}/masks/a.png'),
    ('{split}/a.png', '{split}/a_mask.png'),
  ],
)
def test_splits_may_be_outside(image, mask, tmp_path):
  folder = nested(tmp_path, image, mask)
  expected = {'train': ['train/a'], 'val': ['val/a'], 'test': ['test/a']}
  assert names(layouts.folder(tmp_path)) == expected
  assert names(layouts.detect(tmp_path)) == expected
  (tmp_path / 'labels.txt').rename(tmp_path / 'train/labels.txt')
  assert layouts.folder(tmp_path).info.class_names == ('sky', 'road', 'car')
  folder.remove(mask.format(split='test'))
  source = layouts.folder(tmp_path)
  assert [pair.mask for pair in source.splits['test']] == [None]
  folder.remove(mask.format(split='valid'))
  with pytest.raises(errors.UserError):
    layouts.folder(tmp_path)
