"""What a search says at its end."""

import dataclasses
import shlex
import subprocess

from deeplab_nas.config import train as config_train
from deeplab_nas.data import dataset_info
from deeplab_nas.report import arch_state, arch_verdict, metrics_log
from deeplab_nas.run import directory as run_directory
from deeplab_nas.search import summary as search_summary
from deeplab_nas.space import arch_weights, search_space, zoo
from tests import command

METRICS = {
  'val_miou': 0.345,
  'class_iou': {'road': 0.5, 'sky': 0.19, 'car': None},
}
PUBLISHED = zoo.load('auto_deeplab')
CITYSCAPES = dataset_info.DatasetInfo.cityscapes()


def state_of(found, unlimited):
  """A search with a budget of 2,000,000 that ended with `found`."""
  space = search_space.SearchSpace()
  return arch_state.ArchState(
    space,
    arch_weights.one_hot(found, space),
    found,
    None,
    arch_state.CostState(
      'cell_macs', 2e6, 1.9e6, 1.8e6, 0.25, unlimited, 3e6, 20, (65, 97)
    ),
  )


def text(tmp_path, found=PUBLISHED, metrics=METRICS, image_size=(1025, 2049)):
  return search_summary.summarize(
    run_directory.RunDirectory(tmp_path),
    found,
    search_space.SearchSpace(),
    CITYSCAPES,
    image_size,
    metrics,
  )


def test_it_shows_the_architecture(tmp_path):
  shown = text(tmp_path)
  assert PUBLISHED.digest in shown
  for line in str(PUBLISHED).splitlines():
    assert line in shown


def test_parameters_and_multiply_adds_are_the_papers(tmp_path):
  shown = text(tmp_path)
  assert '19 classes at 1025 x 2049 pixels' in shown
  (line,) = (line for line in shown.splitlines() if 'F = 20' in line)
  assert line.split()[3:5] == ['10.1', 'M']
  assert line.split()[6:8] == ['320', 'B']
  assert 'F = 8 ' in shown


def test_costs_are_those_of_the_network_to_be_part_by_part(tmp_path):
  assert 'of these: stem 9 %, cells 19 %, ASPP 18 %, decoder 53 %' in text(
    tmp_path
  )
  shown = search_summary.summarize(
    run_directory.RunDirectory(tmp_path),
    PUBLISHED,
    search_space.SearchSpace(),
    CITYSCAPES,
    (1025, 2049),
    METRICS,
    config_train.NetworkConfig(filter_multiplier=32, separable_head=True),
  )
  (line,) = (line for line in shown.splitlines() if 'F = 32' in line)
  assert line.split()[3:5] == ['18.5', 'M']
  assert 'F = 20' not in shown


def test_it_does_not_pass_the_supernet_off_as_the_network(tmp_path):
  shown = text(tmp_path)
  assert '34.5 %' in shown
  assert 'is not the quality of the\narchitecture' in shown
  assert 'road                  50.0 %' in shown
  assert 'car' not in shown  # neither labelled nor predicted


def test_no_validation_is_said(tmp_path):
  assert 'was not validated' in text(tmp_path, metrics={})


def test_a_cell_of_pools_is_called_unfinished(tmp_path):
  assert 'Note' not in text(tmp_path)
  cell = tuple(
    ((source, 'max_pool_3x3'), (other, 'sep_conv_3x3'))
    for (source, _), (other, _) in PUBLISHED.cell
  )
  pools = dataclasses.replace(PUBLISHED, cell=cell)
  assert 'Note: 5 of 10 operations pool or skip' in text(tmp_path, pools)


def test_a_budget_is_told_with_what_it_changed(tmp_path):
  def shown(state):
    return search_summary.summarize(
      run_directory.RunDirectory(tmp_path),
      PUBLISHED,
      search_space.SearchSpace(),
      CITYSCAPES,
      (1025, 2049),
      METRICS,
      state=state,
    )

  other = search_space.SearchSpace().random(0)
  told = shown(state_of(PUBLISHED, other))
  assert 'of F = 20 for images of 65 x 97 pixels' in told
  assert '1.8 M of at most 2 M multiply-adds in cells (90 %); 95 % in' in told
  assert f'the highest score has {other.digest}, with 3 M;' in told
  assert 'the highest score has' not in shown(state_of(PUBLISHED, PUBLISHED))
  assert 'Budget' not in shown(None)


def test_it_names_only_files_that_are_there(tmp_path):
  row = f'architecture         {tmp_path / "genotype.json"}'
  assert row not in text(tmp_path)
  (tmp_path / 'genotype.json').write_text('{}')
  assert row in text(tmp_path)


def test_its_next_command_works(finished):
  shown = search_summary.summarize(
    finished.run,
    finished.searcher.arch_state().genotype,
    finished.searcher.space,
    finished.info,
    (17, 33),
    metrics_log.read(finished.run)[-1],
  )
  program, module, name, flag, folder = shlex.split(shown.splitlines()[-1])
  assert folder == str(finished.run.tensorboard)
  result = subprocess.run(
    [program, module, name, '--inspect', flag, folder],
    capture_output=True,
    text=True,
  )
  assert result.returncode == 0, result.stderr
  assert 'loss' in result.stdout


def test_it_says_how_to_pick_another(finished):
  finished.info.save(finished.run.dataset)  # as a run's start does
  shown = text(finished.run.path)
  (line,) = (line for line in shown.splitlines() if 'pick.py' in line)
  _, script, flag = shlex.split(line)
  result = command.here(script, flag)
  assert result.returncode == 0, result.stderr
  assert finished.searcher.arch_state().genotype.digest in result.stdout


def test_it_says_how_to_train_what_was_found(finished):
  shown = search_summary.summarize(
    finished.run,
    finished.searcher.arch_state().genotype,
    finished.searcher.space,
    finished.info,
    (17, 33),
    metrics_log.read(finished.run)[-1],
  )
  (line,) = (line for line in shown.splitlines() if '--mode=train' in line)
  _, script, *flags = shlex.split(line)
  assert script == 'scripts/train.py'
  assert flags == [
    '--mode=train',
    '--config=auto',  # its own network is the paper's, for 1.5 M steps
    f'--genotype={finished.run.genotype}',
    f'--run_dir={finished.run.path}_train',
  ]


def test_it_says_whether_there_is_more_than_noise(finished):
  state = finished.searcher.arch_state()
  shown = search_summary.summarize(
    finished.run,
    state.genotype,
    state.space,
    finished.info,
    (17, 33),
    metrics_log.read(finished.run)[-1],
    state=state,
  )
  assert arch_verdict.UNMEASURED not in shown
  num_steps = state.evidence.num_steps
  assert f'Signal or noise, by {num_steps} steps and 64 random walks' in shown
  count, total = state.evidence.decided
  assert f'Decided are {count} of {total} choices' in shown


def test_what_was_not_measured_is_said(tmp_path):
  assert arch_verdict.UNMEASURED in text(tmp_path)
