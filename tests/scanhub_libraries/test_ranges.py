import pytest

from scanhub_libraries.errors import BadRequestError, RangeNotSatisfiableError
from scanhub_libraries.ranges import parse_ranges


@pytest.mark.parametrize(
    ("header", "spans"),
    [
        ("bytes=0-9", [(0, 10)]),
        ("bytes=0-0", [(0, 1)]),
        ("bytes=99-", [(99, 100)]),
        ("bytes=90-1000", [(90, 100)]),
        ("bytes=-10", [(90, 100)]),
        ("bytes=-1000", [(0, 100)]),
        ("BYTES = 1-2", [(1, 3)]),
        ("bytes= 1-2 , ,5-6", [(1, 3), (5, 7)]),
        ("bytes=50-59,0-9,5-20", [(0, 21), (50, 60)]),
        ("bytes=0-4,5-9", [(0, 10)]),
        ("bytes=0-1,200-", [(0, 2)]),  # one of them is there: that is enough
        ("seconds=0-9", []),
        ("bytes=" + ",".join(f"{n}-{n}" for n in range(0, 202, 2)), []),
    ],
)
def test_a_range_is_what_rfc_9110_says(header, spans):
    assert parse_ranges(header, 100) == spans


@pytest.mark.parametrize(
    "header",
    ["", "bytes", "bytes=", "bytes=,", "bytes=-", "bytes=5", "bytes=5-4", "bytes=a-b", "bytes=1_0-",
     "bytes=+1-2", "bytes=--1", "bytes=1-2-3", "bytes=0x1-", "bytes=\u0663-", "bytes=1-2;3-4",
     "bytes=" + "9" * 30 + "-", "0-9"],
)  # fmt: skip
def test_what_is_no_range_is_refused(header):
    with pytest.raises(BadRequestError, match="Range"):
        parse_ranges(header, 100)


@pytest.mark.parametrize(
    ("header", "size"),
    [("bytes=100-", 100), ("bytes=100-200,300-", 100), ("bytes=-0", 100), ("bytes=0-", 0),
     ("bytes=-1", 0)],
)  # fmt: skip
def test_a_range_that_is_not_in_the_file_says_how_long_it_is(header, size):
    with pytest.raises(RangeNotSatisfiableError) as refused:
        parse_ranges(header, size)
    assert refused.value.extensions["content_range"] == f"bytes */{size}"
