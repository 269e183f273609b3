"""One piece of an upload: whether it fits on, and what its trailer says of the whole file."""

import asyncio
from contextlib import suppress

from device_manager.uploads.answers import check_offset
from device_manager.uploads.piece import Body, Piece
from device_manager.uploads.space import Space
from scanhub_libraries.errors import PayloadTooLargeError, UnprocessableError
from scanhub_libraries.lake_unfinished import UnfinishedFile


async def take_piece(
    piece: Piece, space: Space, offset: int, body: Body, *, entered: asyncio.Event | None = None
) -> bool:
    """Take a piece; say whether the file is whole by that.

    Of one that is, the rest may still be written, and it stays open: it is entered next.

    Args:
        piece: Where it is written.
        space: Room in the lake.
        offset: Where it begins [byte].
        body: What comes.
        entered: Set when the upload is in the database, if it is new and not there yet: that there
            is room for it was found a moment ago.

    Raises:
        ScanHubError: It does not fit on, or something came between; what had come is kept.
        OSError: The lake cannot take it.
    """
    row, whole = piece.row, False
    await piece.file.open()
    try:
        check_offset(offset, piece.file.size)
        if offset + body.least_bytes > row.size_bytes:
            raise PayloadTooLargeError(
                f"The file was announced with {row.size_bytes} bytes; {offset} are there, and "
                f"{body.least_bytes} more are too many."
            )
        if entered is None:
            await space.check_piece(row.size_bytes - offset)
        trailer = await piece.take(body)
        if entered is not None:
            await entered.wait()
        if trailer is not None and row.sha256 in (None, trailer.hex()):
            row.sha256 = trailer.hex()
        elif trailer is not None:
            raise UnprocessableError("Upload-Trailer: not the sha256 that was announced.")
        whole = piece.has_come
    finally:
        if not whole:
            await piece.close()
    return whole


async def close_written(file: UnfinishedFile, piece: Piece | None) -> None:
    """Close a file, but not under the thread that writes the rest of a piece of it.

    Whether that could be written is told to whoever waits for the file.
    """
    try:
        if piece is not None:
            with suppress(OSError):
                await piece.write_rest()
    finally:
        await file.close()
