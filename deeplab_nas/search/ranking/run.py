"""Scores the architectures of which there are trainings, and compares."""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
import time
from collections.abc import Mapping
from typing import Any

from absl import logging

from deeplab_nas import errors
from deeplab_nas.config import config as config_lib
from deeplab_nas.data import dataset_info, kept_images
from deeplab_nas.report import text as report_text
from deeplab_nas.run import directory as run_directory
from deeplab_nas.run import lifecycle
from deeplab_nas.search.ranking import (
  agreement,
  ranking,
  references,
  trained_supernet,
)
from deeplab_nas.search.relaxed.scoring import score_log, shared_weights
from deeplab_nas.search.trials import strategy
from deeplab_nas.space import genotype as genotype_lib

NAME = 'rank_correlation'


@dataclasses.dataclass(frozen=True)
class Request:
  """What is asked for.

  Attributes:
    run_dir: Of the search whose supernet scores.
    results: File or folder with those of trainings, see `references.read`.
    score: Of these, that is to be ranked.
    steps: Of these trainings; None for the longest.
    num_genotypes: How many of the architectures, in the order of the file;
      None for all.
    recalibration_batches: Over which statistics are taken for each.
    num_images: Of half B, that score; None for all.
    data_dir: Where the data is now; None for where the search had it.
    output_dir: Folder for the results; None for one in eval/ of the run.
  """

  run_dir: str
  results: str
  score: str = 'cross_entropy'
  steps: int | None = None
  num_genotypes: int | None = None
  recalibration_batches: int = 8
  num_images: int | None = None
  data_dir: str | None = None
  output_dir: str | None = None

  @classmethod
  def names(cls) -> list[str]:
    """Of the attributes, which are the command's flags."""
    return [field.name for field in dataclasses.fields(cls)]


def run(request: Request) -> str:
  """Scores, and writes scores.jsonl, result.json and result.png.

  Scores that the folder has of the same weights and images are not computed
  again, so that one that was stopped goes on.

  Returns:
    What was found, in words.

  Raises:
    UserError: If the folder holds no supernet, or the file no results of
      architectures of its space.
  """
  found = references.read(request.results, request.score, request.steps)
  trained = trained_supernet.load(request.run_dir)
  genotypes = _genotypes(request, found, trained)
  config = _config(request, trained.config)
  lifecycle.check_data(config.data, config.data.train_split)
  folder = pathlib.Path(request.output_dir or _inside(request.run_dir))
  folder.mkdir(parents=True, exist_ok=True)
  facts = _facts(request, trained, config)
  log = score_log.ScoreLog(folder / 'scores.jsonl', facts)
  with contextlib.ExitStack() as stack:
    if config.data.cache:
      stack.enter_context(kept_images.KeptImages().used())
    _score(request, trained, config, genotypes, log)

  is_miou = request.score == shared_weights.MIOU
  name = shared_weights.MIOU if is_miou else shared_weights.CROSS_ENTROPY
  sign = -1 if name in strategy.LARGER_IS_BETTER else 1
  scores = {genotype: sign * log[genotype][name] for genotype in genotypes}
  made = ranking.Ranking(found, scores)
  made.save(
    folder / 'result.json',
    {'checkpoint': trained.checkpoint, 'shared_weights_score': name, **facts},
  )
  made.draw(folder / 'result.png', name)
  return '\n'.join(
    [
      f'Shared weights of {request.run_dir} ({name} of half B) against'
      f' {found.score} after {found.steps} steps in {found.path}:',
      '',
      made.describe(),
      f'All numbers and a picture are in {folder}.',
    ]
  )


def _genotypes(
  request: Request,
  found: references.References,
  trained: trained_supernet.TrainedSupernet,
) -> list[genotype_lib.Genotype]:
  """The architectures to score; raises a UserError if they are too few."""
  space = trained.supernet.space
  inside = [genotype for genotype in found.values if genotype in space]
  errors.require(
    len(inside) >= agreement.FEW,
    f'{request.results} has {len(inside)} architectures of the space of'
    f' {request.run_dir}, among {len(found.values)}: expected at least'
    f' {agreement.FEW}, of a search with the same space section.',
  )
  if len(inside) < len(found.values):
    logging.warning(
      '%d of %d architectures are not in the space of %s and are left out.',
      len(found.values) - len(inside),
      len(found.values),
      request.run_dir,
    )
  return inside[: request.num_genotypes]


def _config(request: Request, config: config_lib.Config) -> config_lib.Config:
  """The settings of the search, with the data where it is now."""
  if request.data_dir is None:
    return config
  data = dataclasses.replace(config.data, dir=request.data_dir)
  return dataclasses.replace(config, data=data)


def _facts(
  request: Request,
  trained: trained_supernet.TrainedSupernet,
  config: config_lib.Config,
) -> Mapping[str, Any]:
  """All that a score depends on but the architecture."""
  return {
    'weights': shared_weights.digest(trained.supernet),
    'data': dataset_info.digest(config.data.dir),
    'recalibration_batches': request.recalibration_batches,
    'num_images': request.num_images,
  }


def _score(
  request: Request,
  trained: trained_supernet.TrainedSupernet,
  config: config_lib.Config,
  genotypes: list[genotype_lib.Genotype],
  log: score_log.ScoreLog,
) -> None:
  """Scores what the log does not have."""
  missing = [genotype for genotype in genotypes if genotype not in log]
  if len(missing) < len(genotypes):
    logging.info(
      '%d of %d architectures were scored before.',
      len(genotypes) - len(missing),
      len(genotypes),
    )
  if not missing:
    return
  evaluate = shared_weights.of_halves(
    config,
    trained.info,
    trained.supernet,
    request.recalibration_batches,
    request.num_images,
  )
  began = time.monotonic()
  for number, genotype in enumerate(missing, start=1):
    scores = evaluate(genotype)
    log.add(genotype, scores)
    left = (time.monotonic() - began) / number * (len(missing) - number)
    logging.info(
      '%d of %d: %s has cross-entropy %.4f, mIoU %.1f %%; %s left.',
      number,
      len(missing),
      genotype.digest,
      scores[shared_weights.CROSS_ENTROPY],
      100 * scores[shared_weights.MIOU],
      report_text.duration(left),
    )


def _inside(run_dir: str) -> pathlib.Path:
  return run_directory.RunDirectory(run_dir).evaluations / NAME
