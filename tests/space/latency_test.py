"""Tables of measured latencies, their files and their sums."""

import dataclasses
import itertools
import json

import numpy as np
import pytest

from deeplab_nas import errors
from deeplab_nas.space import (
  ArchWeights,
  CellSpace,
  CostModel,
  Genotype,
  Lattice,
  SearchSpace,
  arch_weights,
  decode,
  latency,
  primitives,
)
from deeplab_nas.space.operations import Operation

SPACE = SearchSpace(
  CellSpace(1, (primitives.SKIP, primitives.SEP_CONV_3X3)), Lattice(2), 4
)
MODEL = CostModel(SPACE, 3, (33, 65), False, (8, 8, 16), 8, (2,))
DOWN_AND_UP = Genotype(
  (1, 0), ((('prev', 'sep_conv_3x3'), ('prev_prev', 'skip_connect')),)
)


def made_up(ops, seed=0, **settings):
  rng = np.random.default_rng(seed)
  times = {op: float(rng.uniform(0.1, 2)) for op in ops}
  settings = {'machine': 'A, 2 cores', 'image_size': (33, 65)} | settings
  return latency.LatencyTable(milliseconds=times, **settings)


def timed(model, **settings):
  table = made_up(latency.required_operations([model.layers]), **settings)
  return dataclasses.replace(model, latencies=table)


# Every operation of `DOWN_AND_UP`, and a time for it, by hand.
BY_HAND = {
  'stem': [
    (Operation('conv_bn_relu', 3, 1, 2, 3, 8, 17, 33), 1.0),
    (Operation('conv_bn_relu', 3, 1, 1, 8, 8, 17, 33), 2.0),
    (Operation('conv_bn', 3, 1, 2, 8, 16, 9, 17), 4.0),
  ],
  'cells': [
    (Operation('downsample', 1, 1, 2, 8, 8, 9, 17), 0.5),
    (Operation('relu_conv_bn', 1, 1, 1, 16, 8, 9, 17), 0.25),
    (Operation('sep_conv', 3, 1, 2, 8, 8, 5, 9), 8.0),
    (Operation('skip', 1, 1, 2, 8, 8, 5, 9), 0.75),
    (Operation('add', 1, 1, 1, 8, 8, 5, 9), 0.125),
    (Operation('concat', 1, 1, 1, 8, 8, 5, 9), 0.125),
    (Operation('upsample', 1, 1, 2, 8, 8, 9, 17), 0.5),
    (Operation('relu_conv_bn', 1, 1, 1, 8, 4, 9, 17), 0.25),
    (Operation('relu_conv_bn', 1, 1, 1, 16, 4, 9, 17), 0.5),
    (Operation('sep_conv', 3, 1, 1, 4, 4, 9, 17), 16.0),
    (Operation('add', 1, 1, 1, 4, 4, 9, 17), 0.25),
    (Operation('concat', 1, 1, 1, 4, 4, 9, 17), 0.25),
    (Operation('relu', 1, 1, 1, 4, 4, 9, 17), 0.25),
  ],
  'aspp': [
    (Operation('mean', 1, 1, 1, 4, 4, 9, 17), 1.0),
    (Operation('conv_bn_relu', 1, 1, 1, 4, 8, 1, 1), 1.0),
    (Operation('broadcast', 1, 1, 1, 8, 8, 9, 17), 1.0),
    (Operation('conv_bn_relu', 1, 1, 1, 4, 8, 9, 17), 1.0),
    (Operation('conv_bn_relu', 3, 2, 1, 4, 8, 9, 17), 32.0),
    (Operation('concat', 1, 1, 1, 8, 24, 9, 17), 1.0),
    (Operation('conv_bn_relu', 1, 1, 1, 24, 8, 9, 17), 1.0),
  ],
  'decoder': [
    # The low-level projection has round(48 * 8 / 256) filters.
    (Operation('conv_bn_relu', 1, 1, 1, 16, 2, 9, 17), 1.0),
    (Operation('concat', 1, 1, 1, 8, 10, 9, 17), 1.0),
    (Operation('decoder_conv_bn_relu', 3, 1, 1, 10, 8, 9, 17), 64.0),
    (Operation('decoder_conv_bn_relu', 3, 1, 1, 8, 8, 9, 17), 64.0),
    (Operation('logits', 1, 1, 1, 8, 3, 9, 17), 1.0),
    (Operation('upsample', 1, 1, 4, 3, 3, 33, 65), 128.0),
  ],
}
TABLE_BY_HAND = latency.LatencyTable(
  'A, 2 cores', (33, 65), dict(itertools.chain(*BY_HAND.values()))
)


def test_latency_by_hand():
  model = dataclasses.replace(MODEL, latencies=TABLE_BY_HAND)
  assert model.latency_breakdown(DOWN_AND_UP) == {
    'stem': 7.0,
    'cells': 27.75,
    'aspp': 38.0,
    'decoder': 259.0,
  }
  assert model.measure(DOWN_AND_UP, 'latency_ms') == 331.75


def test_a_factor_is_of_sums_and_of_their_expectation():
  plain = timed(MODEL)
  slow = dataclasses.replace(
    plain, latencies=dataclasses.replace(plain.latencies, factor=1.25)
  )
  weights = arch_weights.one_hot(DOWN_AND_UP, SPACE)
  one = plain.measure(DOWN_AND_UP, 'latency_ms')
  np.testing.assert_allclose(
    slow.measure(DOWN_AND_UP, 'latency_ms'), 1.25 * one
  )
  np.testing.assert_allclose(slow.expected_latency_ms(weights), 1.25 * one)
  parts = slow.latency_breakdown(DOWN_AND_UP)
  np.testing.assert_allclose(sum(parts.values()), 1.25 * one)


def test_tables_without_a_factor_have_1_and_others_keep_theirs():
  assert '"factor"' not in TABLE_BY_HAND.to_json()
  assert latency.LatencyTable.from_json(TABLE_BY_HAND.to_json()).factor == 1
  slow = dataclasses.replace(TABLE_BY_HAND, factor=1.25)
  assert latency.LatencyTable.from_json(slow.to_json()).factor == 1.25
  for wrong in ('"x"', 'true', 'null', '0', '-1', 'NaN', 'Infinity'):
    content = slow.to_json().replace('1.25,', f'{wrong},')
    assert content != slow.to_json()
    with pytest.raises(ValueError, match='factor'):
      latency.LatencyTable.from_json(content)


def test_what_a_genotype_requires_is_what_it_sums():
  found = latency.required_operations([MODEL.layers], [DOWN_AND_UP])
  assert found == sorted(TABLE_BY_HAND.milliseconds)
  every = latency.required_operations([MODEL.layers])
  assert set(found) < set(every) and len(set(every)) == len(every)
  rng = np.random.default_rng(0)
  for _ in range(30):
    genotype = SPACE.random(rng)
    assert set(latency.required_operations([MODEL.layers], [genotype])) <= set(
      every
    )


def test_nothing_is_required_in_vain():
  """Each operation is of some architecture."""
  every = set(latency.required_operations([MODEL.layers]))
  cells = [
    ((('prev', one), ('prev_prev', other)),)
    for one, other in itertools.product(
      ('skip_connect', 'sep_conv_3x3'), repeat=2
    )
  ]
  genotypes = [
    Genotype(path, cell) for path in SPACE.lattice.paths() for cell in cells
  ]
  assert set(latency.required_operations([MODEL.layers], genotypes)) == every


def test_several_widths_share_stem_and_head():
  models = [MODEL.with_filter_multiplier(width).layers for width in (4, 4.5, 6)]
  apart = [latency.required_operations([model]) for model in models]
  together = latency.required_operations(models)
  assert set(together) == set(itertools.chain(*apart))
  assert len(together) < sum(map(len, apart))


@pytest.mark.parametrize('size', [(33, 65), (24, 50)])
def test_expected_latency_of_one_architecture_is_its_latency(size):
  model = dataclasses.replace(MODEL, image_size=size)
  model = timed(model, image_size=size)
  rng = np.random.default_rng(0)
  for _ in range(20):
    genotype = SPACE.random(rng)
    weights = arch_weights.one_hot(genotype, SPACE)
    np.testing.assert_allclose(
      model.expected_latency_ms(weights), model.measure(genotype, 'latency_ms')
    )


def test_expected_latency_is_the_mean_over_paths_and_cells():
  model = timed(MODEL)
  rng = np.random.default_rng(0)
  op = rng.dirichlet([1, 1], size=2)
  legal = SPACE.lattice.legal
  transition = rng.random(legal.shape) * legal
  total = transition.sum(-1, keepdims=True)
  transition = np.divide(transition, total, out=transition, where=total > 0)
  names = [primitive.name for primitive in SPACE.cell.primitives]
  mean = 0.0
  for path in SPACE.lattice.paths():
    edges = SPACE.lattice.path_edges(path)
    of_path = np.prod([transition[edge.index] for edge in edges])
    for one, other in itertools.product(range(2), repeat=2):
      block = (('prev', names[one]), ('prev_prev', names[other]))
      prob = of_path * op[0, one] * op[1, other]
      genotype = Genotype(path, (block,))
      mean += prob * model.measure(genotype, 'latency_ms')
  found = model.expected_latency_ms(ArchWeights(op, transition))
  np.testing.assert_allclose(found, mean)


def test_decoding_within_a_latency_equals_enumeration():
  model = timed(MODEL)
  rng = np.random.default_rng(1)
  op = rng.dirichlet([1, 1], size=2)
  transition = rng.random(SPACE.lattice.legal.shape) * SPACE.lattice.legal
  weights = ArchWeights(op, transition)
  every = decode.k_best_genotypes(weights, SPACE, 10**4)
  times = [model.measure(c.genotype, 'latency_ms') for c in every]
  for most in np.quantile(times, [0.1, 0.5, 0.9], method='lower'):
    best = decode.decode(
      weights, SPACE, budget={'latency_ms': most + 1e-9}, cost_model=model
    )
    fitting = [c for c, ms in zip(every, times) if ms <= most]
    assert best == fitting[0].genotype


def test_the_widest_of_the_widths_between_those_timed_is_found():
  """Times may fall as a network gets wider."""
  widths = (2, 3.5, 4, 6.5)
  models = [MODEL.with_filter_multiplier(width).layers for width in widths]
  ops = latency.required_operations(models, [DOWN_AND_UP])
  model = dataclasses.replace(MODEL, latencies=made_up(ops, seed=3))
  # F = 4 needs no projection of H^{l-2}, which has 8 channels at both ends.
  times = {}
  for width in np.arange(1, 9, 0.5):
    try:
      wide = model.with_filter_multiplier(width)
      times[width] = wide.measure(DOWN_AND_UP, 'latency_ms')
    except latency.UntimedError:
      assert not 2 <= width <= 6.5
  assert len(times) == 10 and sorted(times.values()) != list(times.values())
  for most in (*times.values(), max(times.values()) + 1):
    found = model.widest(DOWN_AND_UP, most, of='latency_ms')
    assert found == max(w for w, ms in times.items() if ms <= most)
  with pytest.raises(ValueError, match='no width that was timed takes at most'):
    model.widest(DOWN_AND_UP, min(times.values()) - 0.01, of='latency_ms')
  other = dataclasses.replace(DOWN_AND_UP, path=(1, 1))
  with pytest.raises(ValueError, match='times no width of this architecture'):
    model.widest(other, 1e9, of='latency_ms')


def conv(in_channels, out_channels, kernel_size=1, height=9):
  window = (kernel_size, 1, 1)
  return Operation(
    'relu_conv_bn', *window, in_channels, out_channels, height, 17
  )


def test_times_between_widths_are_interpolated_by_hand():
  times = {
    conv(40, 8): 1.0,
    conv(50, 10): 3.0,
    conv(80, 8): 10.0,  # of another place of the network
    conv(100, 10): 20.0,
    conv(80, 16): 30.0,
    conv(45, 9, height=5): 100.0,
    conv(45, 9, kernel_size=3): 100.0,
  }
  table = latency.LatencyTable('A', (33, 65), times)
  assert table.of([conv(45, 9)]) == 2.0
  assert table.of([conv(90, 9)]) == 15.0
  assert table.of([conv(45, 8), conv(40, 8)]) == pytest.approx(2 + 10 / 12)
  for outside in (conv(39, 8), conv(40, 7), conv(101, 10), conv(20, 17)):
    with pytest.raises(latency.UntimedError, match='lacks 1 of 2 operations'):
      table.of([conv(40, 8), outside])


def test_all_widths_between_two_that_were_timed_are_covered():
  """Wherever a projection falls away at one of both."""
  space = SearchSpace(CellSpace(2), Lattice(4), 4)
  model = CostModel(space, 3, (60, 90), False, (8, 8, 16), 8, (2,))
  ops = latency.required_operations(
    dataclasses.replace(
      model.with_filter_multiplier(width).layers, prev_prev_projections=True
    )
    for width in (4, 6, 8)
  )
  model = dataclasses.replace(
    model, latencies=made_up(ops, image_size=(60, 90))
  )
  rng = np.random.default_rng(0)
  for width in np.arange(4, 8.25, 0.25):
    wide = model.with_filter_multiplier(width)
    times = [wide.measure(space.random(rng), 'latency_ms') for _ in range(5)]
    assert min(times) > 0
    weights = arch_weights.one_hot(space.random(rng), space)
    assert wide.expected_latency_ms(weights) > 0


def test_what_was_not_timed_is_named():
  model = dataclasses.replace(MODEL, latencies=TABLE_BY_HAND)
  wide = model.with_filter_multiplier(5)
  for ask in (
    lambda: wide.measure(DOWN_AND_UP, 'latency_ms'),
    lambda: wide.latency_breakdown(DOWN_AND_UP),
    lambda: model.measure_tables('latency_ms'),
  ):
    with pytest.raises(latency.UntimedError, match='lacks .* such as '):
      ask()
  with pytest.raises(ValueError, match='latency_ms needs a table'):
    MODEL.measure(DOWN_AND_UP, 'latency_ms')
  with pytest.raises(ValueError, match=r'of images of \(33, 65\), expected'):
    dataclasses.replace(model, image_size=(65, 65))


def test_a_file_reads_back(tmp_path):
  table = dataclasses.replace(
    TABLE_BY_HAND, threads=3, libraries={'tensorflow': '2.15.1'}, device='X'
  )
  table.save(tmp_path / 'latency.json')
  found = latency.load(tmp_path / 'latency.json', (33, 65), 'A, 2 cores')
  assert dataclasses.asdict(found) == dataclasses.asdict(table)
  assert found.to_json() == table.to_json()
  assert json.loads(table.to_json())['version'] == 1


def test_tables_of_another_machine_or_size_are_refused(tmp_path):
  file = tmp_path / 'latency.json'
  TABLE_BY_HAND.save(file)
  with pytest.raises(errors.UserError, match='on A, 2 cores, and this is B:'):
    latency.load(file, machine='B')
  with pytest.raises(errors.UserError, match='33 x 65 pixels, not of 65 x 65'):
    latency.load(file, (65, 65), 'A, 2 cores')
  with pytest.raises(errors.UserError, match='was measured on A, 2 cores'):
    latency.load(file)
  dataclasses.replace(TABLE_BY_HAND, machine=latency.this_machine()).save(file)
  assert latency.load(file).image_size == (33, 65)


@pytest.mark.parametrize(
  'change, message',
  [
    ({'version': 2}, 'its version is 2'),
    ({'threads': '2'}, '"threads" is missing or of another type'),
    ({'threads': -1}, '"threads" is -1'),
    ({'factor': 10**400}, 'a number has 401 digits'),
    ({'image_size': [33]}, r'"image_size" is not \[height, width\]'),
    ({'operations': [['relu', 1, 1, 1, 4, 4, 9, 17]]}, 'it has the row'),
    ({'operations': [['relu', 1, 1, 1, 4, 4, 9, 17, -1]]}, 'takes -1.0 ms'),
    ({'operations': [['relu', 1, 1, 1, 4, 4, 9, 0, 1]]}, 'it has the row'),
    ({'operations': [['swirl', 1, 1, 1, 4, 4, 9, 9, 1]]}, 'it has the row'),
    ({'operations': [['relu', 1, 1, 1, 4, 4, 9, 9, 1]] * 2}, 'there twice'),
    ({'operations': 7}, '"operations" is missing'),
  ],
)
def test_files_that_are_no_tables_are_refused(tmp_path, change, message):
  file = tmp_path / 'latency.json'
  record = json.loads(TABLE_BY_HAND.to_json()) | change
  file.write_text(json.dumps(record))
  with pytest.raises(errors.UserError, match=message):
    latency.load(file)


@pytest.mark.parametrize('content', ['', '[]', '{"version": 1', 'null'])
def test_other_texts_are_refused(tmp_path, content):
  file = tmp_path / 'latency.json'
  file.write_text(content)
  with pytest.raises(errors.UserError, match='cannot be used: it is no JSON'):
    latency.load(file)
  with pytest.raises(errors.UserError, match='No such file'):
    latency.load(tmp_path / 'elsewhere.json')


def test_the_cpu_has_a_name_without_a_list_of_cpus(tmp_path, monkeypatch):
  listed = tmp_path / 'cpuinfo'
  monkeypatch.setattr(latency, 'CPU_INFO', listed)
  assert latency.cpu_model()
  listed.write_text('processor\t: 0\nmodel name\t: A CPU: fast\n')
  assert latency.cpu_model() == 'A CPU: fast'


def test_what_the_cheapest_costs_is_enough_of_a_budget():
  """However its milliseconds are summed, and as a refusal says it."""
  equal = arch_weights.ArchWeights(
    np.ones([len(SPACE.cell.edges), 2]), SPACE.lattice.legal.astype(float)
  )

  def decoded(model, most):
    return decode.decode(
      equal, SPACE, budget={'latency_ms': most}, cost_model=model
    )

  for seed in range(40):
    model = timed(MODEL, seed=seed)
    with pytest.raises(decode.BudgetError) as refused:
      decoded(model, 1e-3)
    said = str(refused.value).partition('cheapest needs ')[2].partition(', ')[0]
    cheapest = decoded(model, float(said))
    exact = model.measure(cheapest, 'latency_ms')
    assert float(said) == pytest.approx(exact, rel=2e-9)
    assert decoded(model, exact) == cheapest
