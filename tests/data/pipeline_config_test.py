from __future__ import annotations

import pytest

from deeplab_nas import errors
from deeplab_nas.data import pipeline_config

BAD_SETTINGS = {
  'crop_size is (0, 5), expected a list of 2, each a whole': (
    {'crop_size': (0, 5)}
  ),
  'crop_size is (5,), expected a list of 2': {'crop_size': (5,)},
  'batch_size is 0, expected a whole number, at least 1': {'batch_size': 0},
  'min_scale is 2, expected at most data.max_scale, which is 1': (
    {'min_scale': 2.0, 'max_scale': 1.0}
  ),
  'min_scale is 0.0, expected a number, above 0': {'min_scale': 0.0},
  'scale_step is -1.0, expected a number, at least 0': {'scale_step': -1.0},
  'color_jitter is 1.0, expected a number, at least 0, below 1': (
    {'color_jitter': 1.0}
  ),
  'image_scale is 0.0, expected a number, above 0': {'image_scale': 0.0},
  'shuffle_buffer is 0, expected a whole number, at least 1': (
    {'shuffle_buffer': 0}
  ),
  "seed is 'one', expected a whole number, or null": {'seed': 'one'},
}


@pytest.mark.parametrize('sentence', BAD_SETTINGS)
def test_bad_settings_are_refused(sentence):
  with pytest.raises(errors.UserError) as caught:
    pipeline_config.PipelineConfig(**BAD_SETTINGS[sentence])
  assert str(caught.value).startswith(f'data.{sentence}')
