"""Sequences on the shelf: bounded, and never sent when they are out of date."""

from datetime import UTC, datetime

from scanner_lab import EXAM

from device_manager.acquisitions.sequences import SequenceShelf, is_current
from scanhub_device.simulator import default_sequence
from scanhub_libraries.models import MRISequenceOut

NOW = datetime(2026, 11, 21, tzinfo=UTC)
SEQUENCE = default_sequence().read_text()


def sequence(name: str, text: str = "x", **changes) -> MRISequenceOut:
    return MRISequenceOut(id=name, name=name, created_at=NOW, seq_file=text, **changes)


def test_the_shelf_lets_go_of_what_was_not_used_for_longest():
    shelf = SequenceShelf(most_characters=10)
    for name in "abc":
        shelf.put(sequence(name, "1234"))
        shelf.find("a")
    assert [name for name in "abc" if shelf.find(name)] == ["a", "c"]
    shelf.put(sequence("a", "123456", updated_at=NOW))
    assert shelf.find("c") is not None
    shelf.put(sequence("d", "12345678901"))
    assert [name for name in "abcd" if shelf.find(name)] == []


def test_a_sequence_is_current_while_nothing_new_is_said_of_it():
    assert is_current(None, None, None)
    assert not is_current(None, "a", None)
    assert is_current(sequence("a"), "a", None)
    assert not is_current(sequence("a"), "a", NOW)
    assert not is_current(sequence("a"), "b", None)
    assert not is_current(sequence("a"), None, None)


async def test_a_device_gets_the_sequence_as_it_is_now_and_its_text_is_asked_for_once(lab):
    made = await lab.exam.post(
        f"{EXAM}/sequence", data={"name": "first"}, files={"seq_file": ("a.seq", SEQUENCE)}
    )
    assert made.status_code == 201, made.text
    url = f"{EXAM}/sequence/{made.json()['_id']}"
    async with lab.scanner() as scanner:

        async def played() -> str:
            start = await lab.started(scanner, sequence_id=made.json()["_id"])
            assert start["sequence"]["seq_file"] == SEQUENCE
            assert (await scanner.upload(start, "data.npy", b"x"))["ok"]
            return start["sequence"]["name"]

        assert [await played() for _ in range(3)] == ["first"] * 3
        assert lab.exam_gate.requests.count(url) == 1
        assert (await lab.exam.put(url, json={"name": "second"})).status_code == 200
        assert [await played() for _ in range(3)] == ["second"] * 3
        assert lab.exam_gate.requests.count(url) == 2
