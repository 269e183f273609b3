"""Raw data files as sessions of the MRD streaming protocol, written by ISMRMRD's own library."""

import io
from pathlib import Path

import ismrmrd
from ismrmrd.serialization import ProtocolSerializer
from ismrmrd.xsd import CreateFromDocument


def messages_of(path: Path) -> list[bytes]:
    """Return the header, each readout, and the end."""
    with ismrmrd.Dataset(str(path), mode="r") as dataset:
        objects = [CreateFromDocument(dataset.read_xml_header())]
        count = dataset.number_of_acquisitions()
        objects += [dataset.read_acquisition(number) for number in range(count)]
    return [*map(message_of, objects), b"\x04\x00"]


def message_of(thing: object) -> bytes:
    stream = io.BytesIO()
    ProtocolSerializer(stream).serialize(thing)
    return stream.getvalue()
