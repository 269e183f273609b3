"""Exam trees as JSON, kept as long as their revision is the one in the database."""

from collections import OrderedDict
from uuid import UUID


class TreeCache:
    """The trees that were read last, by exam and revision, up to a number of bytes.

    The revision comes from the database with every read, so several processes may each keep theirs.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._bytes = 0
        self._trees: OrderedDict[UUID, tuple[int, bytes]] = OrderedDict()

    def __contains__(self, exam_id: UUID) -> bool:
        """Say whether there is a tree of this exam, of whatever revision."""
        return exam_id in self._trees

    def find(self, exam_id: UUID, revision: int) -> bytes | None:
        """Return the tree of an exam if it is the one of this revision."""
        kept = self._trees.get(exam_id)
        if kept is None or kept[0] != revision:
            return None
        self._trees.move_to_end(exam_id)
        return kept[1]

    def keep(self, exam_id: UUID, revision: int, tree: bytes) -> None:
        """Remember the tree of a revision and forget those used longest ago."""
        kept = self._trees.pop(exam_id, None)
        if kept is not None:
            self._bytes -= len(kept[1])
        self._trees[exam_id] = (revision, tree)
        self._bytes += len(tree)
        while self._bytes > self._most_bytes:
            _, (_, forgotten) = self._trees.popitem(last=False)
            self._bytes -= len(forgotten)

    def clear(self) -> None:
        """Forget all."""
        self._trees.clear()
        self._bytes = 0

    @property
    def size_bytes(self) -> int:
        """How many bytes of JSON are kept."""
        return self._bytes
