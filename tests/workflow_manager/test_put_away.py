"""When received files lose their first names."""

import threading

import pytest

from workflow_manager.dicom import put_away
from workflow_manager.dicom.put_away import PutAway


@pytest.fixture
def places(tmp_path):
    """Names of whole files that are there."""
    paths = [tmp_path / f"{number}.1000.abc.dcm" for number in range(3)]
    for path in paths:
        path.write_bytes(b"image")
    return list(map(str, paths))


@pytest.fixture
def away():
    """What puts away, and an event that is set when it does."""
    flushed = threading.Event()
    found = PutAway(syncs=True, sync_index=flushed.set, relieve_index=lambda: None)
    yield found, flushed
    found.close()


def test_files_are_put_away_when_no_more_come(away, places, tmp_path):
    putting, flushed = away
    putting.add(places, [])
    assert flushed.wait(30)
    putting.close()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("limit", ["_MOST_BYTES", "_LONGEST_S"])
def test_files_are_put_away_while_more_come_when_much_or_long_waits(
    away, places, monkeypatch, limit
):
    monkeypatch.setattr(put_away, limit, 0 if limit == "_LONGEST_S" else 2000)
    putting, flushed = away
    come = threading.Event()

    def bring():
        while not come.wait(0.01):  # without an end
            putting.add(places, [])

    bringing = threading.Thread(target=bring)
    bringing.start()
    try:
        assert flushed.wait(30)
    finally:
        come.set()
        bringing.join()


def test_what_waits_is_put_away_at_the_end(away, places, tmp_path):
    putting, _ = away
    putting.add(places, [])
    putting.close()
    assert not list(tmp_path.iterdir())
