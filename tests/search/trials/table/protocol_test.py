"""The protocol of a table travels with its rows."""

import pytest

from deeplab_nas import errors
from deeplab_nas.search.trials import strategy
from deeplab_nas.search.trials.table import plan, protocol, space


def test_it_is_read_back_as_it_was_written():
  made = protocol.Protocol(steps=(5, 10), cell_macs=2e6)
  assert protocol.Protocol.from_line(made.to_line()) == made


@pytest.mark.parametrize(
  'line',
  [
    '',
    '{}',
    '[]',
    '{"version": 1}',
    'steps',
    '{"version": 1, "steps": []}',
    '{"version": 1, "steps": [50, 25]}',
    '{"version": 1, "steps": [25], "settings": [1]}',
    '{"version": 1, "steps": [25], "settings": {"train": {"nope": 1}}}',
    '{"version": 1, "steps": [25], "cell_macs": "many"}',
  ],
)
def test_another_line_is_refused(line):
  with pytest.raises(errors.UserError, match='no table of trials'):
    protocol.Protocol.from_line(line)


def test_a_table_of_another_version_is_refused():
  line = protocol.Protocol().to_line().replace('"version": 1', '"version": 9')
  with pytest.raises(errors.UserError, match='version 9, this release reads 1'):
    protocol.Protocol.from_line(line)


def test_its_config_trains_by_its_settings():
  made = protocol.Protocol(settings={'train': {'learning_rate': 0.125}})
  config = made.config('somewhere')
  assert config.train.learning_rate == 0.125
  assert config.data.dir == 'somewhere'
  assert config.search.trial_steps == made.steps


def test_cells_cost_nearly_the_same():
  """Within the budget, and no more than a fifth below it."""
  made = protocol.Protocol()
  widths = made.widths()
  for genotype in plan.randoms()[:20]:
    filters = widths.of(strategy.Proposal(genotype, made.fidelities[-1]))
    assert filters >= 2
    model = widths.model.with_filter_multiplier(filters)
    cost = model.measure(genotype, 'cell_macs')
    assert 0.8 * made.cell_macs < cost <= made.cell_macs
    assert genotype in space.SPACE
