"""What a result may name."""

from collections.abc import Sequence

from scanhub_libraries.errors import ConflictError, UnprocessableError
from scanhub_libraries.lake import safe_name


def check_directory(given: str, canonical: str) -> None:
    """Refuse every folder but the result's own.

    Raises:
        UnprocessableError: Another folder was named.
    """
    if given.strip("/") not in {"", canonical}:
        raise UnprocessableError(
            f"directory must be {canonical!r} or empty: a result has one folder of its own.",
            field="directory",
        )


def check_files(files: Sequence[str]) -> None:
    """Refuse names that are paths, or stand twice.

    Raises:
        UnprocessableError: Naming the file.
    """
    for name in files:
        safe_name(name)
    if len(set(files)) != len(files):
        raise UnprocessableError("files names a file twice.", field="files")


def check_present(missing: Sequence[str]) -> None:
    """Refuse a result whose files are not in the lake.

    Raises:
        UnprocessableError: Naming the missing files.
    """
    if missing:
        raise UnprocessableError(
            f"Not in the lake: {', '.join(missing[:10])}. Store the files first.",
            field="files",
            missing=list(missing[:100]),
        )


def check_same_task(*, same: bool) -> None:
    """Refuse a result id that another task has.

    Raises:
        ConflictError: The id is taken.
    """
    if not same:
        raise ConflictError("Another task has a result of this id.", field="result_id")


def check_unused(*, being_written: bool, readers: Sequence[str]) -> None:
    """Refuse to delete a result that somebody works with.

    Raises:
        ConflictError: A device or job writes it, or jobs read it.
    """
    if being_written:
        raise ConflictError("The task that makes this result is still running: stop it first.")
    if readers:
        raise ConflictError(
            f"Running tasks read this result: {', '.join(readers[:10])}. "
            "Stop them, or wait until they are done.",
            tasks=list(readers),
        )
