"""How good a network is: inference on whole images, and scores of it.

Called, it is `deeplab_nas.api.evaluate`.
"""

from __future__ import annotations

from deeplab_nas import callable_room

callable_room.make(__name__)
