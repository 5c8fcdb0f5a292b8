"""One search by whichever family of strategies the settings name."""

from __future__ import annotations

from deeplab_nas.config import config as config_lib
from deeplab_nas.report import dry_run as estimate
from deeplab_nas.run import directory as run_directory
from deeplab_nas.search import strategies


def run(
  config: config_lib.Config,
  directory: run_directory.RunDirectory,
  resume: bool = False,
) -> None:
  """Searches, and writes `genotype.json` and all else to the run's folder.

  Args:
    config: Every setting; `search.strategy` names the strategy.
    directory: Where the results go.
    resume: Whether to go on from where the folder's last run was.

  Raises:
    UserError: If there is no such strategy, or data or folder do not fit.
  """
  strategies.load_family(config.search.strategy).run(config, directory, resume)


def dry_run(config: config_lib.Config) -> estimate.Estimate:
  """Measures what such a search takes.

  Raises:
    UserError: If there is no such strategy, or the data does not fit.
  """
  return strategies.load_family(config.search.strategy).dry_run(config)
