"""Makes a run that was stopped from one that was finished."""


def forget_last_epoch(folder, epochs):
  """What a run that was stopped one epoch earlier leaves in its checkpoints."""
  last = f'ckpt-{epochs}'
  checkpoints = folder / 'checkpoints'
  for path in checkpoints.glob(f'{last}.*'):
    path.unlink()
  state = checkpoints / 'checkpoint'
  lines = [line for line in state.read_text().splitlines() if last not in line]
  first = f'model_checkpoint_path: "ckpt-{epochs - 1}"'
  state.write_text('\n'.join([first, *lines]))
