"""Converts folders in this process, and reads back what was written."""

import pathlib

from deeplab_nas.data import conversion, input_pipeline, split_contents


def convert(source, output, **options):
  options = {'workers': 1, 'num_shards': 2, **options}
  return conversion.convert(source, conversion.Output(str(output), **options))


def contents(directory) -> dict[str, bytes]:
  return {
    path.name: path.read_bytes()
    for path in sorted(pathlib.Path(directory).iterdir())
    if path.is_file()
  }


def read_back(output, info) -> dict[str, tuple]:
  """Image and label by name, from all splits."""
  found = {}
  for split in info.splits:
    config = input_pipeline.PipelineConfig(batch_size=1)
    dataset = input_pipeline.eval_dataset(output, split, info, config)
    names = split_contents.file_names(output, split)
    for name, (image, label) in zip(names, dataset):
      found[name] = (image[0].numpy(), label[0].numpy())
  return found
