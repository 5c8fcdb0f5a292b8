"""One network: losses, optimizers, schedules; how it is trained and measured.

Called, it is `deeplab_nas.api.train`.
"""

from __future__ import annotations

from deeplab_nas import callable_room

callable_room.make(__name__)
