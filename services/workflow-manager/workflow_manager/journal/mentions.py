"""What is told to who follows just now and stands nowhere: the newest of each subject."""

from collections import OrderedDict

_KEPT = 1000


class Mentions:
    """Numbers what is mentioned, so that each reader knows what is new to it."""

    def __init__(self) -> None:
        self._newest: OrderedDict[str, tuple[int, str]] = OrderedDict()
        self.count = 0
        """The number of the newest."""

    def add(self, subject: str, text: str) -> None:
        """Take a text; what was mentioned of the same subject before is out of date."""
        self.count += 1
        self._newest[subject] = (self.count, text)
        self._newest.move_to_end(subject)
        if len(self._newest) > _KEPT:
            self._newest.popitem(last=False)

    def since(self, number: int) -> list[str]:
        """Return what was mentioned after a number, oldest first."""
        return [text for at, text in self._newest.values() if at > number]
