"""What cannot be done is left aside for a while, so that it holds up nothing else."""

import time
from uuid import UUID

_AGAIN_S = 60.0


class Aside:
    """Ids that failed lately, in this process."""

    def __init__(self) -> None:
        self._until: dict[UUID, float] = {}

    def put(self, id_: UUID) -> None:
        """Leave something aside."""
        self._until[id_] = time.monotonic() + _AGAIN_S

    def ids(self) -> list[UUID]:
        """Return what is aside; what has been there for long enough is tried again."""
        now = time.monotonic()
        self._until = {id_: until for id_, until in self._until.items() if until > now}
        return list(self._until)
