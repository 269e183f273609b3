"""In which transfer syntax an instance is sent. Pure.

As it is stored, unless its target says which ones it wants.
"""

from collections.abc import Container, Sequence

from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)

NATIVE = (str(ExplicitVRLittleEndian), str(ImplicitVRLittleEndian))
"""What can be written one for the other without looking at a pixel."""
WRITABLE = frozenset(
    map(
        str,
        (
            *NATIVE,
            DeflatedExplicitVRLittleEndian,
            RLELossless,
            JPEG2000Lossless,
            JPEGLSLossless,
        ),
    )
)
"""What can be made of an image without loss; what is lossy is never made."""


def offers(stored: str, wanted: Sequence[str]) -> list[tuple[str, ...]]:
    """Return the transfer syntaxes to propose for an instance, a list for each context.

    Args:
        stored: As it is stored.
        wanted: What its target wants; nothing: as it is.
    """
    if wanted:
        return [(stored,), *((one,) for one in wanted if one in WRITABLE and one != stored)]
    return [(stored,), NATIVE] if stored in NATIVE else [(stored,)]


def choices(stored: str, wanted: Sequence[str], accepted: Container[str]) -> list[str]:
    """Return the transfer syntaxes that an instance may be sent in, best first.

    As it is stored, if that is wanted too: what need not be touched is not touched.
    """
    own = [stored] if stored in wanted else []
    others = [one for one in wanted if one != stored and one in WRITABLE]
    return [one for one in (*own, *others) if one in accepted]


def why_none(stored: str, wanted: Sequence[str]) -> str:
    """Say why there is none, for a person."""
    names = ", ".join(name_of(one) for one in wanted)
    if not WRITABLE.intersection(wanted):
        return (
            f"It is stored as {name_of(stored)}, and its target wants {names}: that cannot be "
            "made of it without loss. Add another one to transfer_syntaxes."
        )
    return (
        f"The node takes none of what its target wants ({names}): allow one there, or correct "
        "transfer_syntaxes."
    )


def name_of(uid: str) -> str:
    """Return the name of a UID, as people know it."""
    return UID(uid).name
