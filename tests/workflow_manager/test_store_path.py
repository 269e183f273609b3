"""What was sent is what lies on the disk, however it was cut; and what is hostile costs itself."""

import queue
import random
import struct
import threading
import time

import pytest
from raw_sender import (
    ECHO_CONTEXT,
    RawSender,
    abort,
    chunks,
    echo_command,
    pdu,
    pdv,
    store,
    store_command,
)

from workflow_manager.dicom.framing import Frames, OtherPdu, ProtocolError
from workflow_manager.dicom.listener import ListenerOptions, StoreListener
from workflow_manager.dicom.rules import OUT_OF_RESOURCES
from workflow_manager.dicom.transport import listen

UID = "1.2.3.4"


class Kept:
    """A listener that keeps everything in a list."""

    def __init__(self, folder, **options):
        self.folder, self.received, self.ends = folder, queue.Queue(), queue.Queue()
        self.answer = 0, ""
        options = ListenerOptions(ae_title="SCANHUB", folder=folder, timeout_s=10.0, **options)
        self.listener = StoreListener(options, self._keep, self.ends.put)
        self.listener.start(listen("127.0.0.1", 0))
        self.port = self.listener.port

    def _keep(self, received):
        content = received.file.path.read_bytes()
        received.file.path.unlink()
        self.received.put(
            (received.request.sop_instance_uid, content[received.file.data_set_offset :], received)
        )
        return self.answer

    def next(self):
        return self.received.get(timeout=20)[:2]


@pytest.fixture
def kept(tmp_path):
    kept = Kept(tmp_path)
    yield kept
    kept.listener.stop()
    assert not list(tmp_path.iterdir())  # nothing half received stays behind


def random_bytes(count, seed=1):
    return random.Random(seed).randbytes(count)  # noqa: S311 - test data


def sizes(seed):
    generator = random.Random(seed)  # noqa: S311 - test data
    while True:
        yield generator.choice((1, 2, 3, 5, 6, 7, 11, 13, 127, 1000, 4096, 9999))


@pytest.mark.parametrize("cut", ["whole", "one byte", "odd"])
def test_bytes_arrive_as_they_were_sent(kept, cut):
    sender = RawSender(kept.port)
    count = 3_000 if cut == "one byte" else 400_000
    images = {f"{UID}.{n}": random_bytes(count, n) for n in range(1, 4)}
    for number, (uid, data) in enumerate(images.items(), start=1):
        segments = {"whole": (1 << 20,), "one byte": (1,), "odd": sizes(number)}[cut]
        sender.send(store(uid, data, message_id=number), segments)
        assert sender.status() == (number, 0)
        assert kept.next() == (uid, data)
    sender.release()


def test_several_values_in_a_pdu_and_command_and_data_in_one(kept):
    data = random_bytes(5_001)
    command = store_command(UID)
    first, second, third = data[:1000], data[1000:1003], data[1003:]
    sender = RawSender(kept.port)
    sender.send(
        pdu(
            pdv(command[:17], command=True, last=False),
            pdv(command[17:], command=True, last=True),
            pdv(first, command=False, last=False),
            pdv(b"", command=False, last=False),
            pdv(second, command=False, last=False),
        )
        + pdu(pdv(third, command=False, last=False), pdv(b"", command=False, last=True)),
        sizes(7),
    )
    assert sender.status() == (1, 0)
    assert kept.next() == (UID, data)
    sender.release()


def test_requests_that_do_not_wait_for_answers_are_answered_in_order(kept):
    images = [random_bytes(100_003, n) for n in range(8)]
    sent = b"".join(store(f"{UID}.{n}", data, message_id=n) for n, data in enumerate(images))
    sender = RawSender(kept.port)
    threading.Thread(target=sender.send, args=(sent, sizes(3))).start()
    for number, data in enumerate(images):
        assert sender.status() == (number, 0)
        assert kept.next() == (f"{UID}.{number}", data)
    sender.release()


def test_an_echo_between_images_is_answered(kept):
    sender, data = RawSender(kept.port), random_bytes(50_000)
    echo = pdu(pdv(echo_command(9), context=ECHO_CONTEXT, command=True, last=True))
    for number in range(1, 4):
        sender.send(echo)
        assert sender.status() == (9, 0)
        sender.send(store(f"{UID}.{number}", data, message_id=number))
        assert sender.status() == (number, 0)
        assert kept.next() == (f"{UID}.{number}", data)
    sender.send(echo + store(UID, data, message_id=5) + echo)
    assert sorted(sender.status() for _ in range(3)) == [(5, 0), (9, 0), (9, 0)]
    assert kept.next() == (UID, data)
    sender.release()


def test_the_file_of_the_next_image_is_there_before_it_comes(kept):
    sender, names = RawSender(kept.port), []
    for number in range(1, 4):
        sender.send(store(f"{UID}.{number}", b"image", message_id=number))
        assert sender.status() == (number, 0)
        names.append(kept.received.get(timeout=20)[2].file.path.name.partition(".")[0])
        deadline = time.monotonic() + 20
        while not (parts := list(kept.folder.glob("*.part"))):
            assert time.monotonic() < deadline
            time.sleep(0.005)
        names.append(parts[0].stem)
    assert names[1::2][:-1] == names[2::2]
    sender.release()
    assert not list(kept.folder.glob("*.part"))


def test_a_sender_that_has_to_send_an_image_again_has_not_ended_cleanly(kept):
    sender = RawSender(kept.port)
    sender.send(store(UID, random_bytes(1000)))
    assert sender.status() == (1, 0)
    kept.answer = OUT_OF_RESOURCES, "The database does not take it"
    sender.send(store(f"{UID}.1", random_bytes(1000), message_id=2))
    assert sender.status() == (2, OUT_OF_RESOURCES)
    sender.release()
    assert kept.ends.get(timeout=20).how == "refused"


@pytest.mark.parametrize("end", ["abort", "release", "close"])
def test_what_ends_amid_an_image_leaves_nothing(kept, end):
    sender = RawSender(kept.port)
    whole = store(UID, random_bytes(40_000))
    sender.send(whole[:30_000] if end == "close" else whole[: 12 + len(store_command(UID))])
    if end == "abort":
        sender.send(abort())
    elif end == "release":
        sender.send(b"\x05\x00\x00\x00\x00\x04\x00\x00\x00\x00")
    sender.close()
    ended = kept.ends.get(timeout=20)
    assert (ended.received, ended.peer.calling_ae) == (0, "SCANNER")
    assert ended.how == ("released" if end == "release" else "aborted")
    assert_serves(kept)


def assert_serves(kept):
    """The next association is served as if nothing had been."""
    sender = RawSender(kept.port)
    sender.send(store(f"{UID}.99", b"after"))
    assert sender.status() == (1, 0)
    assert kept.next() == (f"{UID}.99", b"after")
    sender.release()


def long_command():
    return b"".join(
        pdu(pdv(bytes(16_000), command=True, last=False)) for _ in range(6)
    )  # fmt: skip


HOSTILE = {
    "unknown type": b"\x77\x00\x00\x00\x00\x04abcd",
    "unknown type, endless": b"\x77\x00\xff\xff\xff\xffabcd",
    "another A-ASSOCIATE-RQ": b"\x01\x00\x00\x00\x00\x04abcd",
    "P-DATA without a value": pdu(b""),
    "P-DATA of four gigabytes": b"\x04\x00\xff\xff\xff\xff",
    "value longer than its PDU": struct.pack(">BxIIBB", 4, 10, 9000, 3, 3) + b"abcd",
    "value shorter than its header": struct.pack(">BxIIBB", 4, 10, 1, 3, 3) + b"abcd",
    "rest that is no value": pdu(pdv(b"abcd", command=True, last=False), b"xyz"),
    "data before a command": pdu(pdv(b"abcd", command=False, last=True)),
    "context that nobody proposed": pdu(
        pdv(store_command(UID), context=77, command=True, last=True)
    ),
    "context that changes": pdu(pdv(store_command(UID), command=True, last=True))
    + pdu(pdv(b"abcd", context=ECHO_CONTEXT, command=False, last=True)),
    "command amid the data": pdu(pdv(store_command(UID), command=True, last=True)) * 2,
    "command without end": long_command(),
    "command of garbage": pdu(pdv(b"\x00\x00\x00\x01\xff\xff\xff\xff", command=True, last=True)),
    "command cut off": pdu(pdv(store_command(UID)[:-3], command=True, last=True)),
    "command without a field": pdu(pdv(b"", command=True, last=True)),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_bytes_cost_one_association(kept, what):
    bystander = RawSender(kept.port)
    sender = RawSender(kept.port)
    sender.send(store(UID, b"before"))
    assert sender.status() == (1, 0)
    assert kept.next() == (UID, b"before")
    sender.send(HOSTILE[what])
    answer = sender.read_pdu()
    assert answer[:1] in {b"\x07", b""}  # A-ABORT
    sender.close()
    assert kept.ends.get(timeout=20).how == "aborted"
    bystander.send(store(f"{UID}.2", b"unharmed"))
    assert bystander.status() == (1, 0)
    assert kept.next() == (f"{UID}.2", b"unharmed")
    bystander.release()


def test_a_request_without_a_data_set_is_told_so(kept):
    sender = RawSender(kept.port)
    command = store_command(UID)
    place = command.index(struct.pack("<HHI", 0, 0x0800, 2)) + 8
    command = command[:place] + struct.pack("<H", 0x0101) + command[place + 2 :]
    sender.send(pdu(pdv(command, command=True, last=True)))
    assert sender.status() == (1, 0xC000)
    sender.send(store(UID, b"whole"))
    assert sender.status() == (1, 0)
    assert kept.next() == (UID, b"whole")
    sender.release()


def test_a_full_disk_is_a_status_and_the_association_goes_on(kept, monkeypatch):
    sender = RawSender(kept.port)
    kept.folder.rename(kept.folder.with_name("away"))  # nothing can be opened there
    sender.send(store(UID, random_bytes(300_000)))
    assert sender.status() == (1, 0xA700)
    kept.folder.with_name("away").rename(kept.folder)
    sender.send(store(UID, b"again"))
    assert sender.status() == (1, 0)
    assert kept.next() == (UID, b"again")
    sender.release()


def test_a_silent_association_is_ended(tmp_path):
    kept = Kept(tmp_path, network_timeout_s=0.5)
    kept.listener._ae.network_timeout = 0.5
    try:
        sender = RawSender(kept.port)
        sender.send(store(UID, bytes(50_000))[:20_000])
        assert sender.read_pdu()[:1] == b"\x07"
        sender.close()
        assert kept.ends.get(timeout=20).how == "aborted"
    finally:
        kept.listener.stop()


def test_any_sop_class_and_transfer_syntax_is_taken(kept):
    private = "1.2.826.0.1.3680043.8.498.77"
    sender = RawSender(kept.port, syntaxes=[f"{private}.1"], sop_class=f"{private}.2")
    assert sender.is_accepted
    sender.send(store(UID, b"whatever"))
    assert sender.status() == (1, 0)
    uid, data, received = kept.received.get(timeout=20)
    assert (uid, data, received.transfer_syntax_uid) == (UID, b"whatever", f"{private}.1")
    sender.release()


def test_stopping_ends_the_associations(tmp_path):
    kept = Kept(tmp_path)
    sender = RawSender(kept.port)
    sender.send(store(UID, b"one"))
    assert sender.status() == (1, 0)
    kept.listener.stop()
    assert sender.read_pdu()[:1] in {b"\x07", b""}
    sender.close()


@pytest.mark.parametrize("seed", range(20))
def test_frames_come_out_as_they_went_in(seed):
    generator = random.Random(seed)  # noqa: S311 - test data
    data = generator.randbytes(generator.randrange(1, 60_000))
    parts = list(chunks(data, (generator.randrange(0, 9_000) or 1 for _ in range(500))))
    values = [pdv(p, command=False, last=p is parts[-1]) for p in parts]
    stream = b""
    while values:
        count = generator.randrange(1, 4)
        stream += pdu(*values[:count])
        del values[:count]
    stream += b"\x05\x00\x00\x00\x00\x04rest"
    frames, got, ends, place = Frames(1_024), b"", 0, 0
    while place < len(stream):
        room = frames.room()
        count = min(len(room), generator.choice((1, 5, 64, 1_024)), len(stream) - place)
        room[:count] = stream[place : place + count]
        frames.filled(count)
        place += count
        while (frame := frames.next()) is not None:
            if isinstance(frame, OtherPdu):
                assert frame.data == b"\x05\x00\x00\x00\x00\x04rest"
                ends += 1
            else:
                got += bytes(frame.data)
                ends += frame.is_last
        assert frames.room()
    assert got == data
    assert ends == 2


def test_frames_refuse_what_contradicts_itself():
    frames = Frames()
    bad = b"\x04\x00\x00\x00\x00\x02"
    frames.room()[: len(bad)] = bad
    frames.filled(len(bad))
    with pytest.raises(ProtocolError):
        frames.next()
