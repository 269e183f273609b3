"""The ISMRMRD header, as far as reconstruction and DICOM need it.

Read leniently: scanners leave out fields that the schema requires, and a missing field that
nobody needs is no reason to lose an image.
"""

from dataclasses import dataclass
from typing import Self
from xml.etree import ElementTree as ET

from scanhub_jobs.errors import JobInputError

_NAMESPACE = "{*}"
_MAX_FOV_MM = 1e5
_MAX_LINES = 1 << 16


class _Node:
    """One XML element, asked for descendants by a path of plain names."""

    def __init__(self, element: ET.Element) -> None:
        self._element = element

    def text(self, path: str) -> str:
        found = self._element.find("/".join(_NAMESPACE + part for part in path.split("/")))
        return (found.text or "").strip() if found is not None else ""

    def node(self, path: str) -> "_Node | None":
        found = self._element.find("/".join(_NAMESPACE + part for part in path.split("/")))
        return None if found is None else _Node(found)

    def nodes(self, path: str) -> "list[_Node]":
        found = self._element.findall("/".join(_NAMESPACE + part for part in path.split("/")))
        return [_Node(element) for element in found]

    def number(self, path: str) -> float | None:
        text = self.text(path)
        try:
            return float(text) if text else None
        except ValueError as error:
            raise JobInputError(f"The ISMRMRD header states {path} = {text!r}.") from error

    def numbers(self, path: str) -> tuple[float, ...]:
        parent, _, name = path.rpartition("/")
        node = self._element.find("/".join(_NAMESPACE + part for part in parent.split("/")))
        found = [] if node is None else node.findall(_NAMESPACE + name)
        try:
            return tuple(float(e.text or "") for e in found)
        except ValueError as error:
            raise JobInputError(f"The ISMRMRD header states no number in {path}.") from error


@dataclass(frozen=True)
class Space:
    """An encoded or reconstructed space; x, y, z."""

    matrix: tuple[int, int, int]
    fov_mm: tuple[float, float, float]


@dataclass(frozen=True)
class Header:
    """What the header states; an empty text or None where it is silent."""

    trajectory: str
    trajectory_unit: str
    """Of the trajectory's coordinates: see `scanhub_jobs.trajectory`."""
    encoded: Space
    reconstructed: Space
    centres: tuple[int | None, int | None]
    """Counter of the k-space centre in kspace_encoding_step_1 and _2."""
    lines: tuple[int | None, int | None]
    """How many different kspace_encoding_step_1 and _2 there are to be."""
    acceleration: float
    echo_train_length: int
    repetition_times_ms: tuple[float, ...]
    echo_times_ms: tuple[float, ...]
    inversion_times_ms: tuple[float, ...]
    flip_angles_deg: tuple[float, ...]
    sequence_type: str
    sequence_name: str
    patient_position: str
    field_strength_t: float | None
    frequency_hz: float | None
    vendor: str
    model: str
    station: str
    institution: str
    serial_number: str

    @classmethod
    def parse(cls, text: bytes) -> Self:
        """Read the XML text.

        Raises:
            JobInputError: It is no ISMRMRD header or describes no encoding.
        """
        try:
            element = ET.fromstring(text)  # noqa: S314 - expat bounds entity expansion itself
        except ET.ParseError as error:
            raise JobInputError(f"The ISMRMRD header is no valid XML: {error}") from error
        root = _Node(element)
        encoding = root.node("encoding")
        if encoding is None:
            raise JobInputError("The ISMRMRD header describes no encoding.")
        system, limits = "acquisitionSystemInformation/", "encodingLimits/kspace_encoding_step_"
        parallel = "parallelImaging/accelerationFactor/kspace_encoding_step_"
        return cls(
            trajectory=encoding.text("trajectory").lower(),
            trajectory_unit=_described(encoding, "unit"),
            encoded=_space(encoding, "encodedSpace"),
            reconstructed=_space(encoding, "reconSpace"),
            centres=(
                _whole(encoding.number(f"{limits}1/center")),
                _whole(encoding.number(f"{limits}2/center")),
            ),
            lines=(_span(encoding, f"{limits}1"), _span(encoding, f"{limits}2")),
            acceleration=max(
                encoding.number(f"{parallel}1") or 1.0, encoding.number(f"{parallel}2") or 1.0
            ),
            echo_train_length=int(encoding.number("echoTrainLength") or 1),
            repetition_times_ms=root.numbers("sequenceParameters/TR"),
            echo_times_ms=root.numbers("sequenceParameters/TE"),
            inversion_times_ms=root.numbers("sequenceParameters/TI"),
            flip_angles_deg=root.numbers("sequenceParameters/flipAngle_deg"),
            sequence_type=root.text("sequenceParameters/sequence_type"),
            sequence_name=root.text("measurementInformation/sequenceName"),
            patient_position=root.text("measurementInformation/patientPosition"),
            field_strength_t=root.number(f"{system}systemFieldStrength_T"),
            frequency_hz=root.number("experimentalConditions/H1resonanceFrequency_Hz"),
            vendor=root.text(f"{system}systemVendor"),
            model=root.text(f"{system}systemModel"),
            station=root.text(f"{system}stationName"),
            institution=root.text(f"{system}institutionName"),
            serial_number=root.text(f"{system}deviceSerialNumber"),
        )


def _described(encoding: _Node, name: str) -> str:
    """Return a text that the header's description of the trajectory holds under a name."""
    for stated in encoding.nodes("trajectoryDescription/userParameterString"):
        if stated.text("name") == name:
            return stated.text("value")
    return ""


def _whole(value: float | None) -> int | None:
    return None if value is None else int(value)


def _span(encoding: _Node, path: str) -> int | None:
    """Return how many counters there are between the limits; None: it is not told."""
    try:
        least, most = encoding.number(f"{path}/minimum"), encoding.number(f"{path}/maximum")
    except JobInputError:
        return None  # nobody who has the whole file needs it
    if least is None or most is None or not 0 <= most - least < _MAX_LINES:
        return None
    return int(most - least) + 1


def _space(encoding: _Node, name: str) -> Space:
    sizes = [encoding.number(f"{name}/matrixSize/{axis}") for axis in "xyz"]
    fovs = [encoding.number(f"{name}/fieldOfView_mm/{axis}") for axis in "xyz"]
    x, y, z = (int(n or 0) for n in sizes)
    fx, fy, fz = (f or 0.0 for f in fovs)
    space = Space((x, y, max(1, z)), (fx, fy, fz))
    if min(space.matrix) < 1 or not all(0 < f < _MAX_FOV_MM for f in space.fov_mm):
        raise JobInputError(
            f"The header's {name} makes no sense: matrix {space.matrix}, FOV {space.fov_mm} mm."
        )
    return space
