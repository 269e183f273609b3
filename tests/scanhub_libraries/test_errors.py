import pytest

from scanhub_libraries import errors
from scanhub_libraries.errors import (
    BadRequestError,
    ConflictError,
    InvalidTransactionError,
    NotFoundError,
    UpstreamError,
    error_from_problem,
)


def all_errors():
    return [
        value
        for value in vars(errors).values()
        if isinstance(value, type) and issubclass(value, errors.ScanHubError)
    ]


@pytest.mark.parametrize("cls", all_errors()[1:])
def test_an_error_survives_the_way_through_http(cls):
    problem = {"type": f"/problems/{cls.slug}", "detail": "because", "reasons": ["a", "b"]}
    error = error_from_problem(cls.status, problem)
    assert type(error) is cls
    assert error.detail == "because"
    assert error.extensions == {"reasons": ["a", "b"]}


def test_slugs_are_unique():
    slugs = [cls.slug for cls in all_errors()]
    assert len(slugs) == len(set(slugs))


@pytest.mark.parametrize(
    ("status", "cls"),
    [(404, NotFoundError), (409, ConflictError), (418, BadRequestError), (500, UpstreamError)],
)
def test_an_answer_without_a_problem_is_known_by_its_status(status, cls):
    assert type(error_from_problem(status, {})) is cls


def test_a_narrow_conflict_is_still_a_conflict():
    assert issubclass(InvalidTransactionError, ConflictError)
