"""Settings of the data are those of the pipeline, and more."""

import dataclasses

import pytest

from deeplab_nas import errors
from deeplab_nas.config import data as config_data
from deeplab_nas.data import pipeline_config


def test_the_pipeline_gets_every_setting_it_knows():
  data = config_data.DataConfig(
    crop_size=(33, 65), image_scale=0.5, cache=False
  )
  pipeline = data.pipeline(seed=7)
  assert pipeline.seed == 7
  values = dataclasses.asdict(pipeline)
  del values['seed']
  assert values == {name: getattr(data, name) for name in values}


def test_a_default_is_the_same_in_settings_and_in_the_pipeline():
  assert config_data.DataConfig().pipeline() == pipeline_config.PipelineConfig()


def test_every_setting_of_the_pipeline_but_the_seed_is_one_of_the_data():
  ours, pipelines = (
    {field.name for field in dataclasses.fields(record)}
    for record in (config_data.DataConfig, pipeline_config.PipelineConfig)
  )
  assert pipelines - ours == {'seed'}


def test_a_setting_has_the_rule_of_the_pipeline_but_a_batch_has_two_images():
  ours, pipelines = (
    {item.name: item.metadata['rule'] for item in dataclasses.fields(record)}
    for record in (config_data.DataConfig, pipeline_config.PipelineConfig)
  )
  different = {name for name in pipelines if pipelines[name] != ours.get(name)}
  assert different == {'seed', 'batch_size'}
  assert ours['batch_size'].low == 2


def test_scales_ascend():
  with pytest.raises(errors.UserError, match='min_scale is 3, .* is 2'):
    config_data.DataConfig(min_scale=3)
