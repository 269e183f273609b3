"""What a password must be: long and not a known one, no rules of composition (NIST SP 800-63B)."""

import re
import unicodedata
from collections.abc import Iterable
from functools import cache
from importlib.resources import files

from scanhub_libraries.errors import BadRequestError

PASSWORD_LENGTH = 12
LONGEST_PASSWORD = 1024
_SHORTEST_NAME = 3
_BESIDE_NAMES = 6
"""Letters and digits that a password must have beside the names of its owner."""
_LONGEST_PIECE = 4
"""A piece of this length or less, said again and again, is one known by all."""
_LONGEST_PAIR = 80
"""No two words of the list, or rows of a keyboard, are longer: no need to look for them."""
_READ_AS = str.maketrans("@4301!5$7", "aaeoiisst")
_ROWS = (
    "abcdefghijklmnopqrstuvwxyz",
    "01234567890123456789012345678901234567890",
    "1234567890qwertyuiopasdfghjklzxcvbnm",
    "qwertzuiopasdfghjklyxcvbnm",
    "azertyuiopqsdfghjklmwxcvbn",
)
_PUNCTUATION = re.compile(r"[\W_]+")
_EDGES = re.compile(r"^[\W\d_]+|[\W\d_]+$")


def check_password(password: str, names: Iterable[str] = ()) -> None:
    """Refuse a password that is easily guessed.

    Args:
        password: What is to be set.
        names: User name, first and last name, email of the owner.

    Raises:
        BadRequestError: With the rule that it breaks.
    """
    normal = unicodedata.normalize("NFKC", password)
    if len(normal) < PASSWORD_LENGTH:
        raise _refused("length", f"needs at least {PASSWORD_LENGTH} characters")
    if len(normal) > LONGEST_PASSWORD:
        raise _refused("length", f"may have {LONGEST_PASSWORD} characters at most")
    if not normal.strip():
        raise _refused("blank", "must not consist of blanks")
    if is_common(normal):
        raise _refused("common", "is one of those that are tried first: take another one")
    if is_made_of_names(normal, names):
        raise _refused("names", "must not be made of the user's name or email")


def check_is_new(password: str, present: str) -> None:
    """Refuse the present password as the new one.

    Raises:
        BadRequestError: They are the same.
    """
    if unicodedata.normalize("NFKC", password) == unicodedata.normalize("NFKC", present):
        raise _refused("unchanged", "must differ from the present one")


def _refused(rule: str, sentence: str) -> BadRequestError:
    return BadRequestError(f"The password {sentence}.", rule=rule)


def is_common(password: str) -> bool:
    """Say whether a password, its decorations aside, is in the list, or no more than a pattern."""
    plain = password.casefold()
    core = _EDGES.sub("", plain)
    spellings = (plain, core, plain.translate(_READ_AS), core.translate(_READ_AS))
    return any(_is_known(form) for form in map(_bare, spellings) if form)


def is_made_of_names(password: str, names: Iterable[str]) -> bool:
    """Say whether little is left of a password when the names of its owner are taken out."""
    left = _bare(password.casefold())
    for word in sorted(_words(names), key=len, reverse=True):
        left = left.replace(word, "").replace(word[::-1], "")
    return left != _bare(password.casefold()) and len(left) < _BESIDE_NAMES


def _words(names: Iterable[str]) -> set[str]:
    parts = {part for name in names for part in (name, *re.split(r"[\W_]+", name))}
    words = {_bare(unicodedata.normalize("NFKC", part).casefold()) for part in parts}
    return {word for word in words if len(word) >= _SHORTEST_NAME}


def _bare(text: str) -> str:
    """Return a text without blanks and punctuation."""
    return _PUNCTUATION.sub("", text)


def _is_known(form: str) -> bool:
    if _is_word(form):
        return True
    period = (form + form).find(form, 1)
    if period < len(form):
        return period <= _LONGEST_PIECE or _is_known(form[:period])
    if len(form) > _LONGEST_PAIR:
        return False
    places = range(_LONGEST_PIECE, len(form) - _LONGEST_PIECE + 1)
    return any(_is_word(form[:place]) and _is_word(form[place:]) for place in places)


def _is_word(form: str) -> bool:
    return form in common_passwords() or _is_row(form)


def _is_row(form: str) -> bool:
    """Say whether a form runs along the keyboard or the alphabet."""
    return len(form) >= _LONGEST_PIECE and any(form in row or form[::-1] in row for row in _ROWS)


@cache
def common_passwords() -> frozenset[str]:
    """Return the list: lower case, without blanks and punctuation."""
    text = files("exam_manager.users").joinpath("common_passwords.txt").read_text("utf-8")
    return frozenset(line for line in text.splitlines() if line and not line.startswith("#"))
