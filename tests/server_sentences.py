"""The sentences of the servers that the UI can say in other languages."""

import json
import re
from pathlib import Path

_LIST = Path(__file__).parents[1] / "frontend" / "src" / "i18n" / "server.json"
SENTENCES: list[str] = json.loads(_LIST.read_text("utf-8"))
_PLACE = re.compile(r"\{(\w+)\}")
_OF_WORDS = {"what", "advice", "hint"}
"""Places where there are words again, which have to be known too."""


def _pattern(sentence: str) -> re.Pattern[str]:
    pieces = _PLACE.split(sentence)
    parts = [f"(?P<{p}>.*?)" if n % 2 else re.escape(p) for n, p in enumerate(pieces)]
    return re.compile("".join(parts), re.DOTALL)


_PATTERNS = [
    _pattern(sentence)
    for sentence in sorted(SENTENCES, key=lambda one: -len(_PLACE.sub("", one)))
    if _PLACE.search(sentence)
]


def is_known(text: str) -> bool:
    """Say whether the UI finds a sentence in its list, as its serverText() does."""
    if text == "" or text in SENTENCES:
        return True
    found = next((match for p in _PATTERNS if (match := p.fullmatch(text))), None)
    if found is None:
        return False
    return all(is_known(value) for name, value in found.groupdict().items() if name in _OF_WORDS)
