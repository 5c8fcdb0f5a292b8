"""Pictures of a run after every epoch: as files, and in TensorBoard."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping

import tensorflow as tf
from PIL import Image

from deeplab_nas import files
from deeplab_nas.report import arch_state, baseline, tensorboard_log
from deeplab_nas.report import samples as panels_lib
from deeplab_nas.run import directory as run_directory
from deeplab_nas.space import draw
from deeplab_nas.space import genotype as genotype_lib


class PictureLog(tf.keras.callbacks.Callback):
  """Draws validation panels; of a search also genotype, alpha and beta.

  The files in `pictures/` show the last epoch, TensorBoard all.
  """

  def __init__(
    self,
    run: run_directory.RunDirectory,
    panels: panels_lib.SamplePredictions | None,
    steps_per_epoch: int,
    read_arch: arch_state.ReadArch | None = None,
    costs_of: Callable[[genotype_lib.Genotype], str] = lambda genotype: '',
    events: tensorboard_log.Events | None = None,
  ):
    """Draws to a run's folder.

    Args:
      run: The folder, whose name is on every picture.
      panels: Images to predict; None for none.
      steps_per_epoch: Steps in an epoch.
      read_arch: Gives the state of a search's architecture.
      costs_of: Says in one line what an architecture costs.
      events: Where the run's scalars go too; None for events of its own.
    """
    super().__init__()
    self._costs_of = costs_of
    self._read_arch = read_arch
    self._run = run
    self._panels = panels if panels is not None and panels.count else None
    self._steps_per_epoch = steps_per_epoch
    self._events = events or tensorboard_log.Events(run)

  def on_epoch_end(
    self, epoch: int, logs: Mapping[str, float] | None = None
  ) -> None:
    step = (epoch + 1) * self._steps_per_epoch
    with self._events.open().as_default():
      for name, png in self._draw(epoch + 1, logs or {}).items():
        files.write(self._run.pictures / f'{name}.png', png)
        picture = tf.io.decode_png(png, channels=3)[tf.newaxis]  # [1, H, W, 3]
        tf.summary.image(f'pictures/{name}', picture, step)
    self._events.open().flush()

  def _draw(self, epoch: int, logs: Mapping[str, float]) -> dict[str, bytes]:
    """PNG files by name, after an epoch that is counted from 1."""
    pictures = {}
    title = f'{self._run.path.name}, after epoch {epoch}'
    if self._read_arch is not None:
      pictures = of_arch(self._read_arch(), title, self._costs_of)
    if self._panels is not None:
      buffer = io.BytesIO()
      if 'val_miou' in logs and hasattr(self.model, 'val_metric'):
        title += f': {self._compared(float(logs["val_miou"]))}'
      picture = self._panels.draw(self.model.predict_logits, title)
      Image.fromarray(picture).save(buffer, 'PNG')
      pictures['panels'] = buffer.getvalue()
    return pictures

  def _compared(self, miou: float) -> str:
    """'mIoU 35.1 %, a constant prediction 25.2 %'."""
    text = f'mIoU {100 * miou:.1f} %'
    count = self.model.val_metric.total_cm.shape[0]
    numbers = baseline.of_validation(self.model, range(count))
    if not numbers:
      return text
    return (
      f'{text}, a constant prediction {100 * numbers["constant_miou"]:.1f} %'
    )


def of_arch(
  state: arch_state.ArchState,
  title: str,
  costs_of: Callable[[genotype_lib.Genotype], str],
) -> dict[str, bytes]:
  """PNG files by name: of a genotype, and of alpha and beta.

  Args:
    state: What is drawn.
    title: Of both.
    costs_of: Says in one line what an architecture costs.
  """
  buffers = {name: io.BytesIO() for name in ('genotype', 'alpha_beta')}
  caption = f'{title}\n{costs_of(state.genotype)}'
  draw.save_picture(state.genotype, buffers['genotype'], caption)
  draw.save_weights_picture(
    state.weights, state.space, buffers['alpha_beta'], title + _decided(state)
  )
  return {name: buffer.getvalue() for name, buffer in buffers.items()}


def _decided(state: arch_state.ArchState) -> str:
  """How much of it is no noise, where that was measured."""
  if state.evidence is None:
    return ''
  count, total = state.evidence.decided
  return f', which decided {count} of {total} choices'
