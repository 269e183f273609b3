"""The DICOM nodes of a job, by name."""

from collections.abc import Iterator, Mapping

from scanhub_jobs.backend import AnyPeer, PeerBook


class Peers(Mapping[str, AnyPeer]):
    """Names to nodes; an unknown name is a PeerNotFoundError, which is a KeyError."""

    def __init__(self, book: PeerBook) -> None:
        self._book = book

    def __getitem__(self, name: str) -> AnyPeer:
        return self._book.get(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._book.names())

    def __len__(self) -> int:
        return len(self._book.names())
