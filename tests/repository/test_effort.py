"""What is left to CI: of a test on two databases one half, and nothing else."""

from effort import one_of_two_databases


def test_of_two_databases_one_is_left():
    tests = [
        f"tests/test_a.py::test_{n}[{db}-x]" for n in range(40) for db in ("sqlite", "postgresql")
    ]
    left_out = one_of_two_databases(tests)
    assert {name.partition("[")[0] for name in left_out} == {
        name.partition("[")[0] for name in tests
    }
    assert len(left_out) == len(tests) / 2
    assert 10 < sum("sqlite" in name for name in left_out) < 30


def test_what_has_no_counterpart_stays():
    tests = [
        "tests/t.py::test_on_sqlite",
        "tests/t.py::test_a[sqlite]",
        "tests/t.py::test_b[mysqlite]",
    ]
    assert one_of_two_databases(tests) == set()
