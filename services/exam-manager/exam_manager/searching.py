"""How texts are compared when people search: pure, the same on every database.

A database folds case in its own way, SQLite that of ASCII alone, and none takes an accent that was
typed as a letter of its own for the letter that has it. So what is searched is kept folded.
"""

import unicodedata


def folded(text: str) -> str:
    """Return a text without what looks the same to a reader: case, and how accents are written."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def search_terms(search: str) -> list[str]:
    """Return the words of a search, folded, safe inside LIKE with backslash as escape."""
    return escaped(folded(search)).split()


def escaped(text: str) -> str:
    """Return a text that stands for itself inside LIKE with backslash as escape."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
