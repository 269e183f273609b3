import pytest

from exam_manager.sequences import rules
from exam_manager.sequences.pulseq import read_facts
from exam_manager.sequences.pulseq_file import PulseqTextError, read_pulseq
from exam_manager.sequences.reader import ReaderProcess
from scanhub_libraries.errors import PayloadTooLargeError, UnprocessableError
from scanhub_libraries.ids import new_id


def version(minor, revision=0):
    return f"[VERSION]\nmajor 1\nminor {minor}\nrevision {revision}\n\n"


SHAPES = "\n[SHAPES]\n\nshape_id 1\nnum_samples 5\n1\n0\n0\n1\n0\n\n"
V1_5 = (
    version(5)
    + "[BLOCKS]\n1 100 0 1 0 0 0 4\n\n"
    + "[GRADIENTS]\n1 1000 0 0 1 -1 0\n\n"
    + "[EXTENSIONS]\n1 1 1 0\n2 2 1 1\n3 3 1 2\n4 4 1 3\n\n"
    + "extension LABELSET 1\n1 0 LIN\n\n"
    + "extension LABELINC 2\n1 1 SLC\n\n"
    + "extension TRIGGERS 3\n1 2 1 0 100\n\n"
    + "extension DELAYS 4\n1 0 0 1 TE\n"
    + SHAPES
)
V1_4 = (
    version(4, 1)
    + "[DEFINITIONS]\nBlockDurationRaster 1e-5\nGradientRasterTime 1e-5\nName\n\n"
    + "[BLOCKS]\n1 100 1 1 0 0 1 0\n\n[RF]\n1 10 1 1 0 100 0 0\n\n"
    + "[GRADIENTS]\n1 1000 1 0 0\n\n[ADC]\n1 8 1000 0 0 0\n"
    + SHAPES
)
V1_3 = (
    version(3)
    + "[BLOCKS]\n1 1 1 1 0 0 1 0\n2 0 0 2 0 0 0 0\n\n[RF]\n1 10 1 1 100 0 0\n\n"
    + "[GRADIENTS]\n1 1000 1 0\n\n[TRAP]\n2 1000 100 100 100 0\n\n"
    + "[ADC]\n1 8 1000 0 0 0\n\n[DELAYS]\n1 5000\n"
    + SHAPES
)
V1_2 = version(2, 1) + "[BLOCKS]\n1 1 0 0 0 0 0\n\n[DELAYS]\n1 5000\n"


@pytest.mark.parametrize("text", [V1_5, V1_4, V1_3, V1_2], ids=["1.5", "1.4", "1.3", "1.2"])
def test_every_version_passes_and_windows_line_ends_do_too(text):
    assert read_pulseq(text.encode()).version[0] == 1
    assert read_pulseq(text.replace("\n", "\r\n").encode()).version[0] == 1


@pytest.mark.parametrize(
    ("text", "old", "new", "message"),
    [
        (V1_5, "1 0 LIN", "1 0 XXX", "no label"),
        (V1_5, "1 0 LIN", "1 0", "3 columns"),
        (V1_5, "1 2 1 0 100", "1 2 1 x 100", "not a whole number"),
        (V1_5, "1 0 0 1 TE", "1 0 nan 1 TE", "finite"),
        (V1_5, "4 4 1 3", "4 4 1 9", "extension 9"),
        (V1_5, "1000 0 0 1 -1", "1000 0 0 2 -1", "shape 2"),
        (V1_5, "shape_id 1", "shape 1", "shape_id"),
        (V1_5, "1\n0\n0\n1\n0\n", "1\n0\n0\n1\n", "4 samples here"),
        (V1_5, "num_samples 5\n1\n0\n0\n1\n0\n", "", "cut off"),
        (V1_5, "[VERSION]\n", "", "before the first section"),
        (V1_5, version(5), "", "before .VERSION."),
        (V1_4, "1 10 1 1 0 100 0 0", "1 10 1 1 0 100 0 0 0", "8 columns"),
        (V1_4, "1 100 1 1 0 0 1 0", "1 -5 1 1 0 0 1 0", "whole number"),
        (V1_3, "[DELAYS]\n1 5000\n", "", "delay 1"),
        (V1_3, "1 1000 1 0", "1 1000 1 0\n1 1000 1 0", "twice"),
        (V1_2, "minor 2", "minor 1", "cannot be read"),
    ],
)
def test_a_wrong_line_is_named(text, old, new, message):
    assert old in text
    with pytest.raises(PulseqTextError, match=message) as caught:
        read_pulseq(text.replace(old, new, 1).encode())
    assert caught.value.line > 0


async def test_a_raster_that_is_no_time_is_refused():
    broken = V1_4.replace("GradientRasterTime 1e-5", "GradientRasterTime text")
    with pytest.raises(
        UnprocessableError, match=r"line 8 in \[DEFINITIONS\]: GradientRasterTime must"
    ):
        await ReaderProcess(60)(broken.encode())


def test_definitions_are_json_values():
    text = V1_4.replace("Name\n", "FOV 1 2 nan\nX 0.5\nName a b\n")
    facts = read_facts(text.encode())
    assert facts.definitions["X"] == 0.5
    assert facts.definitions["Name"] == "a b"
    assert isinstance(facts.definitions["FOV"], str)
    assert facts.duration_s == pytest.approx(0.001)


def test_sizes_text_and_endings():
    rules.check_size(1, "x")
    rules.check_size(rules.MAX_BYTES, "x")
    with pytest.raises(PayloadTooLargeError):
        rules.check_size(rules.MAX_BYTES + 1, "x")
    with pytest.raises(UnprocessableError):
        rules.check_size(0, "x")
    assert rules.decode("ü".encode(), "x") == "ü"
    with pytest.raises(UnprocessableError, match="line 2"):
        rules.decode(b"a\n\xff", "x")
    assert rules.suffix_of("a.SEQ", ".seq") == ".seq"
    for odd in (None, "", "a", "a./../x", "a.s e", "a.seq\x00", "a." + "x" * 20):
        assert rules.suffix_of(odd, ".seq") == ".seq"
    rules.check_unused([])
    assert new_id()


async def test_a_refusal_names_line_section_and_remedy(platform, upload, small):
    problem = await upload(platform, small.replace("2 324 0 1", "2 324 0 9"), expect=422)
    assert (problem["line"], problem["section"], problem["field"]) == (17, "[BLOCKS]", "seq_file")
    assert problem["detail"].startswith("seq_file, line 17 in [BLOCKS]: block 2 uses gradient 9")
    assert "Write the file again" in problem["detail"]
    bomb = small.replace("num_samples 2\n1\n1", "num_samples 1000000000\n1\n1\n999999998")
    problem = await upload(platform, bomb, expect=422)
    assert (problem["line"], problem["section"]) == (34, "[SHAPES]")
    assert "fewer or shorter shapes" in problem["detail"]
    problem = await upload(platform, small.replace("minor 5", "minor 7"), expect=422)
    assert "toolboxes can" in problem["detail"]


async def test_the_reader_process_names_them_too(small):
    with pytest.raises(UnprocessableError) as caught:
        await ReaderProcess(60)(small.replace("1 64 5000", "1 64 -5000").encode())
    assert caught.value.extensions["section"] == "[ADC]"
    assert "Write the file again" in caught.value.detail


def test_what_a_file_says_of_itself_is_told_in_bounds():
    """A list of sequences carries the facts of each."""
    many = "".join(f"Key{number} {number}\n" for number in range(1500))
    extra = "".join(f"\nextension OTHER{number} {number + 9}\n1 1\n" for number in range(100))
    text = V1_5.replace("[BLOCKS]", f"[DEFINITIONS]\n{many}Long {'x' * 5000}\n\n[BLOCKS]", 1)
    facts = read_facts((text + extra).encode())
    assert len(facts.definitions) == 1000
    assert any("501 definitions" in note for note in facts.notes)
    assert len(facts.notes) < 40
    assert facts.notes[-1].endswith("notes more")


def test_a_file_of_nothing_but_sections_is_refused():
    with pytest.raises(PulseqTextError, match="more than 1000 sections") as caught:
        read_pulseq((V1_5 + "[X]\n" * 100_000).encode())
    assert caught.value.line > 1000
