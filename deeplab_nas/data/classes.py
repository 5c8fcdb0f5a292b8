"""Whether the classes of a data set can be learnt, and are those of before.

classes.require_several(info, 'train')     # something to tell apart
classes.difference(now, then)              # '' or what is not the same
"""

from __future__ import annotations

from deeplab_nas import errors
from deeplab_nas.data import dataset_info


def that_count(info: dataset_info.DatasetInfo) -> tuple[str, ...]:
  """Names of the classes without the one that is ignored, if one is."""
  return tuple(
    name for i, name in enumerate(info.class_names) if i != info.ignore_label
  )


def occurring(info: dataset_info.DatasetInfo, split: str) -> tuple[str, ...]:
  """Names of the classes that count and have pixels in a split.

  All that count where the pixels of the split were never counted.
  """
  if split not in info.splits:
    return that_count(info)
  pixels = dict(zip(info.class_names, info.splits[split].class_pixels))
  return tuple(name for name in that_count(info) if pixels[name])


def require_several(info: dataset_info.DatasetInfo, split: str) -> None:
  """Raises a UserError if a constant prediction would be perfect.

  Args:
    info: Classes, and pixels by class where they were counted.
    split: Split that is trained on.
  """
  known, found = that_count(info), occurring(info, split)
  if len(known) < 2:
    name = known[0] if known else info.class_names[0]
    what = f'The data has one class that counts, {name}'
    surroundings = 'other' if 'background' in name.lower() else 'background'
    remedy = (
      f'give the pixels that are not {name} a class of their own, such as'
      f' {surroundings}, in labels.txt and in the masks'
    )
  elif len(found) < 2:
    raise errors.UserError(only_one(info, split, found))
  else:
    return
  raise errors.UserError(_nothing_learnt(what, remedy))


def only_one(
  info: dataset_info.DatasetInfo, split: str, found: tuple[str, ...]
) -> str:
  """The refusal of a split in which one class occurs, or none.

  Args:
    info: Of the data.
    split: Split that is trained on.
    found: Names of the classes that occur.
  """
  return _nothing_learnt(
    f'Of {len(that_count(info))} classes {found[0] if found else "none"} occurs'
    f' in the labels of split {split}',
    'look at the masks and at what --map or --ignore_label made of their'
    ' values',
  )


def _nothing_learnt(what: str, remedy: str) -> str:
  return (
    f'{what}: nothing can be learnt, since a prediction that is the same'
    f' everywhere would be perfect. To mend it, {remedy}, and convert the data'
    ' again.'
  )


def difference(
  now: dataset_info.DatasetInfo, then: dataset_info.DatasetInfo
) -> str:
  """What of the classes is not as it was, as part of a sentence.

  Compares the number, the names and their order, the ignore label and the
  colours, in this order.

  Args:
    now: The data of today.
    then: What it is compared with.

  Returns:
    'class 1 is sky, was road', or '' if all agree.
  """
  if now.num_classes != then.num_classes:
    return (
      f'there are {now.num_classes} classes ({_some(now.class_names)}), there'
      f' were {then.num_classes} ({_some(then.class_names)})'
    )
  pairs = zip(now.class_names, then.class_names)
  changed = [
    f'class {i} is {new}, was {old}'
    for i, (new, old) in enumerate(pairs)
    if new != old
  ]
  if changed:
    return _some(changed)
  if now.ignore_label != then.ignore_label:
    return f'the ignore label is {now.ignore_label}, was {then.ignore_label}'
  for name, new, old in zip(now.class_names, now.palette, then.palette):
    if tuple(new) != tuple(old):
      return f'the colour of class {name} is {list(new)}, was {list(old)}'
  return ''


def is_of_colours_alone(
  now: dataset_info.DatasetInfo, then: dataset_info.DatasetInfo
) -> bool:
  """Whether number, names, order and ignore label of the classes agree."""
  return (
    now.class_names == then.class_names
    and now.ignore_label == then.ignore_label
  )


def _some(names) -> str:
  return ', '.join(names[:3]) + (', ...' if len(names) > 3 else '')
