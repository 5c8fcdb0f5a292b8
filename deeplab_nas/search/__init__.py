"""Who decides: the strategies by family, and a search by any of them.

Called, it is `deeplab_nas.api.search`.
"""

from __future__ import annotations

from deeplab_nas import callable_room

callable_room.make(__name__)
