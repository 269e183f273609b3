"""Checks that a file is an MRD header: XML with the root of ISMRMRD's schema.

Entities are never expanded: a document that declares a document type is refused, so that a small
file cannot grow in memory and no file or address outside of it is read.
"""

from xml.parsers import expat

from scanhub_libraries.errors import UnprocessableError

NAMESPACE = "http://www.ismrm.org/ISMRMRD"
_ROOTS = frozenset({f"{NAMESPACE} ismrmrdHeader", "ismrmrdHeader"})
"""Small writers leave the namespace away."""
_MAX_DEPTH = 64


def check_mrd_header(data: bytes, field: str) -> None:
    """Refuse what is no MRD header.

    Raises:
        UnprocessableError: With the line.
    """
    check = _Check(field)
    try:
        check.parser.Parse(data, True)
    except expat.ExpatError as error:
        message = f"no well-formed XML: {expat.ErrorString(error.code)}"
        raise _wrong(field, error.lineno, message) from error


def _wrong(field: str, line: int, message: str) -> UnprocessableError:
    return UnprocessableError(f"{field}, line {line}: {message}.", field=field, line=line)


class _Check:
    """Watches a parser go through the document."""

    def __init__(self, field: str) -> None:
        self._field = field
        self._depth = 0
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.StartDoctypeDeclHandler = self._doctype
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end

    def _doctype(self, *_declaration: object) -> None:
        raise self._error("a document type is not taken, an MRD header has none")

    def _start(self, name: str, _attributes: dict[str, str]) -> None:
        if self._depth == 0 and name not in _ROOTS:
            root = name.rsplit(" ", 1)[-1][:40]
            raise self._error(f"the root is {root!r}; an MRD header begins with 'ismrmrdHeader'")
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise self._error(f"more than {_MAX_DEPTH} elements inside one another")

    def _end(self, _name: str) -> None:
        self._depth -= 1

    def _error(self, message: str) -> UnprocessableError:
        return _wrong(self._field, self.parser.CurrentLineNumber, message)
