"""The inputs of runs are hashed, by the service or by a program, with the same result."""

import hashlib

import pytest

from workflow_manager.runs.hashing import digests

MUCH = 17 * 2**20


async def test_what_is_large_is_hashed_by_a_program_as_what_is_small(tmp_path):
    small, large, folder = (tmp_path / name for name in ("small", "a large one", "folder"))
    small.write_bytes(b"raw data")
    with large.open("wb") as file:
        file.truncate(MUCH)
    folder.mkdir()
    for name in ("b.dcm", "a.dcm"):
        (folder / name).write_bytes(name.encode())
    sums = [hashlib.sha256(name.encode()).hexdigest() for name in ("a.dcm", "b.dcm")]
    lines = f"{sums[0]}  a.dcm\n{sums[1]}  b.dcm\n"
    wanted = {
        small: {"files": 1, "size_bytes": 8, "sha256": hashlib.sha256(b"raw data").hexdigest()},
        folder: {
            "files": 2,
            "size_bytes": 10,
            "sha256": hashlib.sha256(lines.encode()).hexdigest(),
        },
        large: {
            "files": 1,
            "size_bytes": MUCH,
            "sha256": hashlib.sha256(bytes(MUCH)).hexdigest(),
        },
    }
    few = [small, folder]
    assert await digests(few) == [wanted[one] for one in few]
    assert await digests(list(wanted)) == list(wanted.values())


async def test_what_is_gone_is_told(tmp_path):
    with pytest.raises(FileNotFoundError):
        await digests([tmp_path / "gone"])
