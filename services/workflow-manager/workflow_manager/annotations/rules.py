"""Whether something can be drawn on an image. Pure."""

from collections.abc import Sequence

from scanhub_libraries.errors import UnprocessableError


def check_on_image(
    *,
    frame: int,
    frames: int,
    points: Sequence[tuple[float, float]],
    rows: int | None,
    columns: int | None,
) -> None:
    """Refuse what is not on this image: its geometry is that of another one.

    A region may reach over the edge, but nothing begins farther away than the image is large.

    Args:
        frame: Number of the frame, from 1.
        frames: How many the image has.
        points: Column and row of each [pixel].
        rows: Height of the image [pixel]; None: it has no pixels.
        columns: Its width [pixel].

    Raises:
        UnprocessableError: It names the field.
    """
    if not rows or not columns:
        raise UnprocessableError(
            "sop_instance_uid: this object has no image to draw on.", field="sop_instance_uid"
        )
    if frame > frames:
        raise UnprocessableError(
            f"frame: the image has {frames}, there is no number {frame}.", field="frame"
        )
    for column, row in points:
        if not (-columns <= column <= 2 * columns and -rows <= row <= 2 * rows):
            raise UnprocessableError(
                f"points: {column:g}, {row:g} is far from an image of {columns} x {rows} pixels.",
                field="points",
            )
