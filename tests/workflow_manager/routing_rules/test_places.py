"""An error in an expression is shown where it is, in the text as it was typed."""

import pytest

from workflow_manager.routing_rules.evaluation import evaluate, flaw_in

TAGS = {"Modality": "MR", "SliceThickness": "3", "SeriesDescription": "T2"}


def stretch(expression, place):
    return expression[place[0] : place[1]]


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ("tags.Modality == 'MR' and 1 / 0", "1 / 0"),
        ("tags.SliceThickness < 2", "tags.SliceThickness < 2"),
        ("@Modality@ == 'MR' and @SliceThickness@ < 2", "@SliceThickness@ < 2"),
        ("@Modality@ == 'MR' and @SliceThickness@", None),
        ("'ä' in tags.Modality or nothing", "nothing"),
        ("(tags.Modality == 'MR'\n and number(tags.Modality, 1))", "number(tags.Modality, 1)"),
        ("(tags.Modality == 'MR' \r\n and number(tags.Modality, 1))", "number(tags.Modality, 1)"),
        ("(@Modality@ == 'MR'\r and\x0c nothing)", "nothing"),
        ("\rA", "A"),
    ],
)
def test_what_fails_with_these_tags_is_found_in_the_text(expression, found):
    verdict = evaluate(expression, TAGS)
    assert (verdict.error is None) is (found is None)
    assert (found is None and verdict.place is None) or (
        stretch(expression, verdict.place) == found
    )


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ("True or unknown", "unknown"),
        ("True or [a for a in 'ab']", "[a for a in 'ab']"),
        ("True or (tags @ tags)", "tags @ tags"),
        ("@Modality@ == 'MR' or missing(@Modality@)", "missing"),
    ],
)
def test_what_can_never_be_stored_is_found_in_the_text(expression, found):
    _, place = flaw_in(expression)
    assert stretch(expression, place) == found


@pytest.mark.parametrize("expression", ["tags.Modality == ", "(", "a b", "@Modality@ 'x", "'"])
def test_the_place_of_what_is_no_expression_lies_within_the_text(expression):
    message, place = flaw_in(expression)
    assert message
    assert place is None or 0 <= place[0] <= place[1] <= len(expression)


def test_a_sound_expression_has_no_flaw():
    assert flaw_in("tags.Modality == 'MR'") is None
