"""Memory and disk: what is left for a run, and who hands out the memory."""

from __future__ import annotations

import pathlib
import shutil
import sys
import tempfile
from collections.abc import Iterator

from deeplab_nas import commands
from deeplab_nas.doctor import finding
from deeplab_nas.doctor.finding import Finding
from deeplab_nas.runtime import allocator as allocator_lib

# The process of a search on two cores; g3doc/performance.md.
SEARCH_BYTES = 5 * 2**29
# Checkpoints, pictures and an export of one run, with room to spare.
RUN_BYTES = 2**30

# As Debian and Ubuntu have it.
_TCMALLOC, _PACKAGE = 'libtcmalloc_minimal.so.4', 'libtcmalloc-minimal4'

MEMORY = pathlib.Path('/proc/meminfo')
_GROUPS = pathlib.Path('/proc/self/cgroup')
_GROUP_FILES = pathlib.Path('/sys/fs/cgroup')


def memory(needed: int = SEARCH_BYTES) -> Finding:
  """Whether a search fits into the memory that is left."""
  available = available_bytes()
  if available is None:
    return Finding(finding.SKIP, 'this system does not tell what is available')
  text = f'{_gib(available)} available, a search takes about {_gib(needed)}'
  if available < needed:
    return Finding(
      finding.WARN,
      text,
      "End other programs, raise the container's limit, or see with"
      f' {commands.name("search")} --dry_run how small a search by gradients'
      ' has to be; one by trials needs least with search.parallel_trials=1.',
    )
  return Finding(finding.OK, text)


def allocator() -> Finding:
  """Whose malloc it is; to have a slow one is no failure."""
  name = allocator_lib.name()
  if name in allocator_lib.FASTER or not sys.platform.startswith('linux'):
    return Finding(finding.OK, name)
  library = allocator_lib.installed()
  return Finding(
    finding.OK,
    f'{name}; a search on the CPU takes 0.8 to 0.9 of the time with tcmalloc or'
    ' jemalloc',
    f'To use one: export {allocator_lib.VARIABLE}={library or _TCMALLOC}'
    + ('' if library else f', after: apt-get install {_PACKAGE}'),
  )


def available_bytes(
  memory_file: pathlib.Path = MEMORY,
  groups_file: pathlib.Path = _GROUPS,
  group_files: pathlib.Path = _GROUP_FILES,
) -> int | None:
  """Memory that this process may still take; None if it is not known.

  Args:
    memory_file: The kernel's count of the machine.
    groups_file: The control groups of this process.
    group_files: Where the limits of all groups are.
  """
  found = []
  if memory_file.is_file():
    for line in memory_file.read_text('utf-8').splitlines():
      if line.startswith('MemAvailable:'):
        found.append(int(line.split()[1]) * 1024)
  if groups_file.is_file():
    found += _left_in_groups(groups_file.read_text('utf-8'), group_files)
  return min(found, default=None)


def disk(run_dir: str, needed: int = RUN_BYTES) -> Finding:
  """Whether a run can write to a folder, or make it, and has room there."""
  folder = pathlib.Path(run_dir).absolute()
  existing = folder
  try:
    while not existing.exists():
      existing = existing.parent
    with tempfile.TemporaryFile(dir=existing) as file:
      file.write(b'1')
  except OSError as error:
    return Finding(
      finding.FAIL,
      f'{folder} cannot be written to: {error.strerror}',
      'Choose another folder with --run_dir=DIR.',
    )
  free = shutil.disk_usage(existing).free
  text = f'{_gib(free)} free at {folder}'
  if free < needed:
    return Finding(
      finding.WARN,
      f'{text}, a run may write {_gib(needed)}',
      'Make room, or choose another folder with --run_dir=DIR.',
    )
  return Finding(finding.OK, text)


def _left_in_groups(listing: str, files: pathlib.Path) -> Iterator[int]:
  """What the limits of a process' control groups leave it.

  Args:
    listing: /proc/self/cgroup: lines of number:controllers:path.
    files: Where the groups are folders, those of version 1 below `memory`.
  """
  for line in listing.splitlines():
    _, controllers, path = line.split(':', 2)
    if not controllers:
      root, names = files, ('memory.max', 'memory.current', '')
    elif 'memory' in controllers.split(','):
      root = files / 'memory'
      names = ('memory.limit_in_bytes', 'memory.usage_in_bytes', 'total_')
    else:
      continue
    folder = root / path.lstrip('/')
    # The limits of the groups above hold too. Inside of a container, the path
    # may be the host's, of which only the root is to be seen.
    for group in (folder, *folder.parents):
      if group.is_relative_to(root):
        yield from _left_in_group(group, *names)


def _left_in_group(
  group: pathlib.Path, limit: str, used: str, prefix: str
) -> Iterator[int]:
  """Bytes below the limit of one group; nothing if it has none."""
  try:
    limit_bytes = int((group / limit).read_text('utf-8'))
    used_bytes = int((group / used).read_text('utf-8'))
    lines = (group / 'memory.stat').read_text('utf-8').splitlines()
  except (OSError, ValueError):  # no such group; 'max'
    return
  counts = dict(line.split() for line in lines)
  # Files that were read once: the kernel drops them when memory is wanted.
  idle_bytes = int(counts.get(f'{prefix}inactive_file', 0))
  yield max(0, limit_bytes - used_bytes + idle_bytes)


def _gib(count: int) -> str:
  return f'{count / 2**30:.1f} GiB'
