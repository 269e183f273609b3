"""Expressions of rules mean what they mean in mercure, or are refused with a reason."""

import pytest

from workflow_manager.routing_rules.evaluation import evaluate

TAGS = {
    "Modality": "MR",
    "SeriesDescription": "CINE 2ch",
    "StudyDescription": "NEURO^HEAD",
    "SliceThickness": "3",
    "SeriesNumber": "99",
    "ManufacturerModelName": "Trio",
    "PatientName": "Knight^Michael",
    "ReceiverAET": "az_myproject",
    "ContrastBolusAgent": "",
    "ImageType": "ORIGINAL\\PRIMARY\\M",
    "PatientBirthDate": "20100101",
    "StudyDate": "20260102",
    "BodyPartExamined": "BRAIN",
}
T, F, E = "holds", "does not", "error"
VECTORS = [
    (1, "'CINE' in tags.SeriesDescription", T),
    (3, "'CINE' in @SeriesDescription@", T),
    (5, "tags.SeriesDescription.lower() == 'cine 2ch'", T),
    (7, "float(tags.SliceThickness) < 2.0", F),
    (9, "tags.SliceThickness < 2", E),
    (11, "(float(tags.SeriesNumber) > 100) or (tags.BodyPartExamined.lower()=='brain')", T),
    (13, "('Tr' in @ManufacturerModelName@) & (@Modality@ == 'CT')", F),
    (15, "tags.modality == 'MR'", T),
    (15, "tags.MODALITY == 'MR'", T),
    (17, "tags['modality'] == 'MR'", F),
    (19, "tags.NoSuchTag == 'x'", F),
    (19, "@NoSuchTag@ == 'x'", F),
    (19, "'Garbage' in tags.BADTAG", F),
    (21, "(tags.Modality == 'MR') or (tags.NoSuchTag == 'x')", T),
    (23, "(tags.Modality == 'MR') or (@NoSuchTag@ == 'x')", F),
    (25, "1/0", E),
    (27, "tags.ContrastBolusAgent", F),
    (27, "not tags.ContrastBolusAgent", T),
    (29, "tags.Modality in ['MR','CT']", T),
    (31, "tags.PatientBirthDate[:4] < '2012'", T),
    (31, "int(tags.PatientBirthDate[:4]) < 2012", T),
    (33, "any(x in tags.SeriesDescription for x in ['CINE'])", E),
    (33, "[x for x in ['CINE']]", E),
    (35, "'az_' in @ReceiverAET@", T),
    (37, "re.search('CINE', tags.SeriesDescription)", E),
    (37, "import re", E),
    (37, "open('/etc/passwd')", E),
    (37, "().__class__", E),
    (37, "lambda: 1", E),
    (37, "f'{tags.Modality}' == 'MR'", E),
    (39, "tags.SeriesDescription == 'a@b' or @Modality@ == 'MR'", F),
    (41, "'CINE' in %SeriesDescription%", E),
]
SYNTAX = [
    ("'Modality' in tags", T),
    ("'modality' in tags", F),
    ("len(tags) == 13", T),
    (" tags.Modality == 'MR'", E),
    ("1 if tags.Modality == 'MR' else 0", E),
    ("'{}'.format(1)", E),
    ("print(1)", E),
    ("tags.Modality == 'MR' | 1", E),
    ("tags.__class__", F),
    ("'a'.__class__", E),
    ("str.__subclasses__", E),
    ("(x := 1)", E),
    ("sum(*[[1]])", E),
    ("dict(**{'a': 1})", E),
    ("b'a'", E),
    ("...", E),
    ("tags.Modality()", E),
    ("unknown == 1", E),
    ("", E),
    ("tags.ImageType.split('\\\\')[1] == 'PRIMARY'", T),
    ("'T' < 'Tr' < tags.ManufacturerModelName[::1]", T),
    ("{'MR': 1}.get(tags.Modality)", T),
    ("{'MR', 'CT'}.issuperset([tags.Modality])", T),
    ("list(map(str.lower, [tags.Modality])) == ['mr']", T),
    ("list(filter(None, [tags.Modality, ''])) == ['MR']", T),
    ("map(int, [])", T),  # as in mercure: what gives items is true, also when there are none
    ("bool(map(int, [])) and bool(zip()) and not bool(list(map(int, [])))", T),
    ("sorted([3, 1, 2], reverse=True)[0] == max(1, 2, 3) and min('bb', 'a', key=len) == 'a'", T),
    ("sum(range(10)) == 45 and pow(2, 3, 5) == 3 and divmod(7, 2) == (3, 1)", T),
    (
        "round(2.5) == 2 and abs(-2) == 2 and sqrt(16) == 4 and ceil(pi) == factorial(3) - 2",
        T,
    ),
    ("dict(zip('ab', [1, 2])) == {'a': 1, 'b': 2} and list(enumerate('a')) == [(0, 'a')]", T),
    ("'%s-%03d' % (tags.Modality, 7) == 'MR-007' and format(3.14159, '.2f') == '3.14'", T),
    ("hex(255) == '0xff' and chr(ord('a')) == 'a' and repr('a') == \"'a'\"", T),
    ("1 < 2 < 1 or not None", T),
    ("(1 + 2j).real == 1 and (2.0).is_integer()", T),
    ("'MR' is not None and 5 & 4 == 4", T),
]


ODD = [
    ("tags.Modality == 'MR' and tags.SeriesNumber > '9'", T),  # texts compare as texts
    ("tags.SeriesNumber in range(90, 100)", F),
    ("int(tags.SeriesNumber) in range(90, 100)", T),
    ("tags.SeriesNumber * 2 == '9999'", T),
    ("'a' + 1", E),
    ("tags.NoSuchTag or True", F),
    ("tags.Modality == 'CT' and tags.NoSuchTag == 'x'", F),
    ("@Modality@ == 'MR' and @modality@ == 'MR'", F),
    ("not @ContrastBolusAgent@", T),
    ("'Modality' in tags and 'Nope' not in tags", T),
    ("'2ch' in tags.SeriesDescription.split()", T),
    ("tags.PatientBirthDate > '20100100' and tags.PatientBirthDate < '20100102'", T),
    ("float(tags.ContrastBolusAgent) > 1", E),
    ("False and 1/0", F),
    ("True and 1/0", E),
    ("tags.Modality.nothing", E),
    ("tags.Modality == 'MR' ", T),
    ("(tags.Modality == 'MR'\n and True)", T),
    ("tags.Modality == 'MR'  # heads only", T),
    ("1", T),
    ("'False'", T),
    ("0 or '' or [] or None", F),
    ("not not tags.Modality", T),
    ("'PRIMARY' in tags.ImageType and tags.ImageType != 'PRIMARY'", T),
    ("tags['Modality'][0] + tags.modality[-1] == 'MR'", T),
    ("len(tags.SeriesDescription) > 3 < 4", T),
    ("any([tags.Modality == m for m in ['MR']])", E),
    ("tags.Modality == 'MR'; True", E),
    ("tags.Modality = 'CT'", E),
    ("'\u00e9' == 'e'", F),
]


def outcome_of(expression, tags=TAGS):
    verdict = evaluate(expression, tags)
    assert not (verdict.error and verdict.triggered)
    return E if verdict.error else T if verdict.triggered else F


@pytest.mark.parametrize(("row", "expression", "expected"), VECTORS)
def test_a_rule_gives_what_mercure_gives(row, expression, expected):
    assert outcome_of(expression) == expected


@pytest.mark.parametrize(("expression", "expected"), ODD)
def test_odd_expressions_mean_what_they_say(expression, expected):
    assert outcome_of(expression) == expected


@pytest.mark.parametrize(("expression", "expected"), SYNTAX)
def test_the_syntax_is_that_of_mercure(expression, expected):
    assert outcome_of(expression) == expected


def test_every_look_at_a_tag_is_noted_without_its_value():
    verdict = evaluate("tags.modality == 'CT' or tags['ContrastBolusAgent'] or @PatientName@", TAGS)
    seen = [(access.keyword, access.known, access.has_value) for access in verdict.tags_accessed]
    assert seen == [
        ("PatientName", True, True),
        ("Modality", True, True),
        ("ContrastBolusAgent", True, False),
    ]
    missing = evaluate("tags.Modality == 'MR' and tags.NoSuchTag", TAGS)
    assert missing.missing == "NoSuchTag"
    assert [access.known for access in missing.tags_accessed] == [True, False]


@pytest.mark.parametrize(
    "expression",
    [
        "int(tags.PatientName)",
        "float(tags.PatientName)",
        "{'a': 1}[tags.PatientName]",
        "tags.PatientName.index('x')",
        "tags.PatientName < 2",
        "tags.PatientName()",
        "tags.PatientName.nothing",
        "complex(tags.PatientName)",
        "'%d' % tags.PatientName",
        "format(1, tags.PatientName)",
        "chr(tags.PatientName)",
        "max(tags.PatientName, key=tags.PatientName)",
        "dict([tags.PatientName])",
        "tags.PatientName ** 2",
    ],
)
def test_no_error_tells_a_name(expression):
    error = evaluate(expression, TAGS).error
    assert error
    assert "Knight" not in error
    assert "Michael" not in error


def test_an_error_says_where_and_what():
    assert evaluate("tags.SliceThickness < 2", TAGS).error == (
        "'<' not supported between instances of 'str' and 'int': tags.SliceThickness < 2"
    )
    assert evaluate("1/0", TAGS).error == "Division by zero: 1 / 0"
    assert "letter 11" in (evaluate("'CINE' in %S%", TAGS).error or "")


@pytest.mark.parametrize(
    "expression",
    [
        "number(tags.SliceThickness) == 3",
        "not number(tags.ContrastBolusAgent) < 2 and not number(tags.ContrastBolusAgent) >= 2",
        "not number(tags.PatientName) < 9",
        "numbers('1\\\\2.5') == [1, 2.5]",
        "'PRIMARY' in values(tags.ImageType) and values('') == []",
        "date(tags.StudyDate) > date('2020-01-31')",
        "date('20260103') - date(tags.StudyDate) == 1",
        "not date('20261399') < 0 and not date('') < 0",
        "date('20260102131415.5') == date('2026.01.02')",
        "age(tags.PatientBirthDate, tags.StudyDate) == 16",
        "age('20100103', '20260102') == 15",
        "not age('', tags.StudyDate) < 18",
        "years('018M') == 1.5 and years('045Y') == 45 and not years('x') < 100",
        "contains(tags.SeriesDescription, 'cine') and not contains(tags.Modality, 'CT', 'PT')",
        "contains(tags.SeriesDescription, 'T1', '2CH')",
        "same(tags.Modality, 'ct', ' mr ')",
        "has('Modality') and not has('ContrastBolusAgent') and not has('Modality', 'NoSuchTag')",
        "tag('NoSuchTag', 'x') == 'x' and tag('modality') == 'MR' and tag('NoSuchTag') == ''",
    ],
)
def test_typed_values_need_no_care_for_what_is_missing(expression):
    assert outcome_of(expression) == T


def test_functions_note_the_tags_they_look_at():
    verdict = evaluate("has('Modality') and tag('NoSuchTag') == ''", TAGS)
    assert [(access.keyword, access.known) for access in verdict.tags_accessed] == [
        ("Modality", True),
        ("NoSuchTag", False),
    ]
