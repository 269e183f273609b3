"""Sessions of the MRD streaming protocol: what ISMRMRD's library writes is read, garbage is not."""

import contextlib
import io
import itertools
import struct

import ismrmrd
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ismrmrd.serialization import ConfigFile, ConfigText
from raw_files import Scan, edit, write
from streams import message_of, messages_of

from scanhub_jobs import JobInputError
from scanhub_jobs.mrd_stream import READOUT_HEAD, MrdStream
from scanhub_jobs.raw_data import read_raw_data


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    def reverse_some(data):
        data["head"]["flags"][::2] |= 1 << (ismrmrd.ACQ_IS_REVERSE - 1)
        return data

    scan = Scan(matrix=(16, 6, 1), coils=3, positions=[(0, 0, 0), (0, 0, 9)])
    return edit(write(tmp_path_factory.mktemp("raw") / "data.mrd", scan), reverse_some)


@pytest.fixture(scope="module")
def session(path):
    return b"".join(messages_of(path))


@settings(max_examples=40, deadline=None)
@given(cuts=st.lists(st.integers(0, 30_000), max_size=20))
def test_a_session_gives_what_the_file_gives_however_it_is_cut(path, session, cuts):
    places = sorted({0, len(session), *(cut % len(session) for cut in cuts)})
    stream, readouts = MrdStream(), []
    for begin, end in itertools.pairwise(places):
        readouts += stream.feed(session[begin:end])
    raw = read_raw_data(path)
    assert stream.closed
    assert stream.header == raw.header
    assert len(readouts) == len(raw.samples)
    for readout, head, samples in zip(readouts, raw.heads, raw.samples, strict=True):
        assert all((readout.head[name] == head[name]).all() for name in READOUT_HEAD.names)
        np.testing.assert_array_equal(readout.samples, samples)


def test_other_messages_of_a_scanner_are_passed_over(path):
    header, *readouts, end = messages_of(path)
    waveform = ismrmrd.Waveform.from_array(np.arange(12, dtype=np.uint32).reshape(3, 4))
    session = b"".join(
        [
            message_of(ConfigFile("default.xml")),
            message_of(ConfigText("<configuration/>")),
            header,
            readouts[0],
            message_of(waveform),
            message_of("a word of the scanner"),
            *readouts[1:],
            end,
        ]
    )
    stream = MrdStream()
    assert len(list(stream.feed(session))) == len(readouts)
    assert stream.closed


def test_trajectories_are_passed_over(path):
    header, *_ = messages_of(path)
    samples = np.ones((2, 5), np.complex64) * np.arange(5)
    acquisition = ismrmrd.Acquisition.from_array(samples, np.ones((5, 2), np.float32))
    (readout,) = MrdStream().feed(header + message_of(acquisition))
    np.testing.assert_array_equal(readout.samples, samples)


def test_a_header_that_ends_with_a_zero_is_read(path):
    header = messages_of(path)[0]
    text = header[6:] + b"\x00"
    stream = MrdStream()
    assert not list(stream.feed(header[:2] + struct.pack("<I", len(text)) + text))
    assert stream.header is not None


@pytest.mark.parametrize(
    ("garbage", "why"),
    [
        (b"\xfe\xed" * 10, "no session"),
        (struct.pack("<HI", 3, 1 << 31), "text of"),
        (struct.pack("<HI", 3, 4) + b"<a>!", "no valid XML"),
        (message_of(ismrmrd.Acquisition.from_array(np.ones((1, 1), np.complex64))), "before"),
    ],
)
def test_garbage_is_refused_with_the_reason(garbage, why):
    with pytest.raises(JobInputError, match=why):
        list(MrdStream().feed(garbage))


def test_a_readout_that_announces_gigabytes_is_refused_before_they_come(path):
    header, readout, *_ = messages_of(path)
    head = np.frombuffer(readout[2:342], READOUT_HEAD).copy()
    head["number_of_samples"] = head["active_channels"] = 65_535
    with pytest.raises(JobInputError, match="65535 coils"):
        list(MrdStream().feed(header + readout[:2] + head.tobytes()))


@settings(max_examples=200, deadline=None)
@given(tail=st.binary(max_size=3000))
def test_whatever_follows_a_header_is_read_or_refused(session, tail):
    length = 6 + struct.unpack("<I", session[2:6])[0]
    stream = MrdStream()
    list(stream.feed(session[:length]))
    with contextlib.suppress(JobInputError):  # any other exception is a bug
        list(stream.feed(tail))


def test_the_library_reads_the_same_session(session):
    objects = list(ismrmrd.ProtocolDeserializer(io.BytesIO(session)).deserialize())
    assert [type(item).__name__ for item in objects[:2]] == ["ismrmrdHeader", "Acquisition"]
