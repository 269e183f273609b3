"""What this process has received since its start, for its metrics."""

import threading
from collections import Counter
from collections.abc import Iterable

from scanhub_libraries.measures import Measure
from workflow_manager.dicom.entries import Outcome

_MOST_TITLES = 50
"""Senders choose the AE title that they call: the others are counted together."""
OTHERS, NO_TITLE = "others", "none"


class Tally:
    """Counts, in any thread; it only grows."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._images: Counter[str] = Counter()
        self._bytes: Counter[str] = Counter()
        self._outcomes: Counter[str] = Counter({outcome.value: 0 for outcome in Outcome})

    def note(self, receiver_aet: str, outcome: Outcome, size: int) -> None:
        """Count an image.

        Args:
            receiver_aet: The AE title that was called; none: it did not come over DIMSE.
            outcome: What became of it.
            size: Its size [byte].
        """
        title = receiver_aet or NO_TITLE
        with self._lock:
            if title not in self._images and len(self._images) >= _MOST_TITLES:
                title = OTHERS
            self._images[title] += 1
            self._bytes[title] += size
            self._outcomes[outcome.value] += 1

    def measures(self) -> Iterable[Measure]:
        """Return what Prometheus is told."""
        by_title = (
            ("images", "Images received since the start, by the AE title that was called"),
            ("bytes", "Their size"),
        )
        with self._lock:
            images, sizes, outcomes = map(Counter, (self._images, self._bytes, self._outcomes))
        for (name, text), values in zip(by_title, (images, sizes), strict=True):
            full = f"scanhub_dicom_received_{name}_total"
            yield Measure(full, text, values, label="ae_title", counter=True)
        yield Measure(
            "scanhub_dicom_outcomes_total",
            "What became of received images since the start",
            outcomes,
            label="outcome",
            counter=True,
        )
