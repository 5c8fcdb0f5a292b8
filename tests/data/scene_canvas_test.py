from __future__ import annotations

import numpy as np

from deeplab_nas.data import scene_canvas


def canvas() -> scene_canvas.Canvas:
  return scene_canvas.Canvas(np.random.default_rng(0), 64, 128)


def test_far_things_are_small_and_near_the_horizon():
  scene = canvas()
  _, near_foot = scene.project(0, 0, 5)
  _, near_head = scene.project(0, 1.7, 5)
  _, far_foot = scene.project(0, 0, 50)
  _, far_head = scene.project(0, 1.7, 50)
  np.testing.assert_allclose(
    near_foot - near_head, 10 * (far_foot - far_head), rtol=1e-6
  )
  assert abs(far_foot - scene.horizon) < abs(near_foot - scene.horizon)


def test_named_shapes_are_labelled_and_unnamed_ones_are_not():
  scene = canvas()
  scene.upright(0, 0, 5, 2, 2, (9, 8, 7), 'car')
  labelled = np.asarray(scene.mask) == scene_canvas.CLASSES['car']
  painted = (np.asarray(scene.image) == (9, 8, 7)).all(-1)
  assert labelled.any() and (labelled == painted).all()
  scene.ellipse(0, 1, 5, (0.2, 0.2), (1, 2, 3), None)
  after = np.asarray(scene.mask) == scene_canvas.CLASSES['car']
  np.testing.assert_array_equal(labelled, after)
