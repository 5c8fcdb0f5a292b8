from __future__ import annotations

import pytest

from deeplab_nas import errors
from deeplab_nas.data import pipeline_config

BAD_SETTINGS = [
  {'crop_size': (0, 5)},
  {'batch_size': 0},
  {'min_scale': 2.0, 'max_scale': 1.0},
  {'scale_step': -1.0},
  {'color_jitter': 1.0},
  {'image_scale': 0.0},
  {'shuffle_buffer': 0},
]


@pytest.mark.parametrize('bad', BAD_SETTINGS, ids=str)
def test_bad_settings_are_refused(bad):
  with pytest.raises(errors.UserError, match=str(list(bad)[0])[:5]):
    pipeline_config.PipelineConfig(**bad)
