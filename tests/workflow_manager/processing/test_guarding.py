"""How much a module may write: counted, killed, said, and nothing of it is left."""

import pytest
from images import SERIES

from workflow_manager.processing.guarding import OutputLimits, Written, measure, too_much

pytestmark = pytest.mark.timeout(240)
LIMITS = OutputLimits(size=1000, files=10, free=50)


def test_what_is_written_is_counted_with_folders_and_links_that_lead_nowhere(tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "one").write_bytes(b"1" * 100)
    (tmp_path / "a" / "b" / "two").write_bytes(b"2" * 50)
    (tmp_path / "all").symlink_to("/")
    with (tmp_path / "holes").open("wb") as file:
        file.truncate(10_000)  # the next module would get a copy without holes
    found = measure([tmp_path, tmp_path / "nowhere"], 100)
    assert found.files == 6
    assert found.size == 10_150 + len("/")
    assert measure([tmp_path], 2).files <= 4


@pytest.mark.parametrize(
    ("size", "files", "free", "said"),
    [
        (1000, 10, 50, ""),
        (1001, 11, 0, "It wrote more than 1000 bytes (output_bytes)."),
        (1000, 11, 0, "It made more than 10 files (output_files)."),
        (0, 0, 49, "The disk has 49 bytes left, and 50 are to stay free"),
    ],
)
def test_each_limit_is_named_when_it_is_crossed_and_not_before(size, files, free, said):
    found = too_much(Written(size, files), free, LIMITS)
    assert found.startswith(said)
    assert bool(found) == bool(said)


ENDLESS = """
with (target / "big.bin").open("wb") as file:
    while True:
        file.write(bytes(2**16))
        file.flush()
        time.sleep(0.001)
"""
MANY = """
for number in range(10**9):
    (target / f"{number}.txt").touch()
    time.sleep(0.0005)
"""
AT_ONCE = "with (target / 'big.bin').open('wb') as file:\n    file.truncate(2**24)\n"


@pytest.mark.long
async def test_who_writes_without_end_is_killed_and_nothing_of_it_is_left(working):
    async with working() as works:
        await works.module("bytes", ENDLESS, output_bytes=2**20)
        await works.module("many", MANY, output_files=50)
        await works.module("quick", AT_ONCE, output_bytes=2**20)
        wanted = {
            "bytes": "It was killed: it wrote more than 1048576 bytes (output_bytes).",
            "many": "It was killed: it made more than 50 files (output_files).",
            "quick": "wrote more than 1048576 bytes (output_bytes).",  # killed, or it has ended
        }
        for number, (name, reason) in enumerate(wanted.items(), 1):
            await works.rule(name, name=name)
            await works.series(f"{SERIES}.{number}", 1)
            case = await works.ward.case("failed", "done", rule=name)
            assert case["reason"].startswith(f"Module {name}, step 1 of 1: It ")
            assert case["reason"].endswith(reason)
            await works.service.user.delete(f"/api/v1/workflowmanager/rules/{name}")
        left = (works.service.wiring.lake.root / "processing").rglob("*")
        assert [path.name for path in left if path.is_file()] == ["1.log"] * len(wanted)


async def test_no_module_begins_on_a_disk_that_is_full(working):
    async with working(dicom_min_free_bytes=2**62) as works:
        await works.module("idle")
        await works.rule("idle")
        await works.series(SERIES, 1)
        case = await works.ward.case("failed", rule="process")
        assert case["reason"].startswith("Module idle, step 1 of 1: The disk has ")
        assert "make room, and try it again" in case["reason"]


@pytest.mark.long
@pytest.mark.disk  # in memory, which may be shared, there are no walls
async def test_who_writes_outside_of_its_folders_fails_and_changes_nothing(working, tmp_path):
    """Not even the archive; what the installation allows can be written to."""
    allowed = tmp_path / "allowed"
    allowed.mkdir()
    source = """
    (pathlib.Path(settings["allowed"]) / "note").write_text("here")
    archived = next(pathlib.Path(settings["archive"]).rglob("*.dcm"))
    archived.write_bytes(b"")
    """
    async with working(module_writes=(allowed,)) as works:
        archive = works.service.wiring.lake.root / "dicom"
        places = {"archive": str(archive), "allowed": str(allowed)}
        await works.module("vandal", source, settings=places)
        await works.rule("vandal")
        await works.series(SERIES, 1)
        (image,) = archive.rglob("*.dcm")
        before = image.read_bytes()
        run = await works.run("failed", "succeeded")
        assert (run["state"], "PermissionError" in run["reason"]) == ("failed", True), run["reason"]
        assert str(image) in run["reason"]
        assert image.read_bytes() == before
        assert (allowed / "note").read_text() == "here"
