import pytest

from exam_manager.users.password_rules import check_is_new, check_password, common_passwords
from scanhub_libraries.errors import BadRequestError

ADA = ("ada.k", "Ada", "Lovelace", "ada.lovelace@analytical.example")


def broken_rule(password, names=ADA):
    try:
        check_password(password, names)
    except BadRequestError as error:
        return error.extensions["rule"]
    return None


@pytest.mark.parametrize(
    ("password", "rule"),
    [
        ("short", "length"),
        ("e\u0301" * 11, "length"),  # eleven letters, each of two code points
        ("x" * 1025, "length"),
        ("\ufdfa" * 100, "length"),  # one code point stands for 18 letters
        (" " * 12, "blank"),
        ("\u3000" * 12, "blank"),
        ("PassWord1234", "common"),
        ("P@ssw0rd2026!", "common"),
        ("  password  ", "common"),
        ("!!!pa55word!!!", "common"),
        ("".join(chr(ord(letter) + 0xFEE0) for letter in "password1234"), "common"),  # full width
        ("passwordpassword", "common"),
        ("Welcome-Admin-1", "common"),
        ("123456789012", "common"),
        ("987654321098", "common"),
        ("qwertyuiop12", "common"),
        ("aaaaaaaaaaaa", "common"),
        ("abcabcabcabc", "common"),
        ("abcdefghijkl", "common"),
        ("1q2w3e4r5t6y", "common"),
        ("MRI-Scanner-2026", "common"),
        ("lovelace2026", "names"),
        ("ADA LOVELACE!", "names"),
        ("ecalevol.ada.12", "names"),
        ("kada.ada.k-99", "names"),
        ("analytical.ada", "names"),
    ],
)
def test_a_password_that_is_easily_guessed_is_refused(password, rule):
    assert broken_rule(password) == rule


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery",
        "first-light-demo",
        "dragons eat seven plums",
        "my ada plays the clarinet",
        "Zürich im Nebel",
        "гречневая каша",
        "x7Kq-93vm-Tz0p",
        "".join(chr(0x4E00 + number) for number in range(1024)),
    ],
)
def test_a_long_password_of_its_own_is_taken(password):
    assert broken_rule(password) is None


def test_short_names_do_not_count_as_names():
    assert broken_rule("a o plum tart 27", ("a", "O", "Li", "")) is None


def test_the_new_password_differs_from_the_present_one():
    check_is_new("correct horse battery", "another horse battery")
    with pytest.raises(BadRequestError):
        check_is_new("Zu\u0308rich im Nebel", "Z\u00fcrich im Nebel")


def test_the_list_is_as_the_comparison_needs_it():
    words = common_passwords()
    assert 300 < len(words) < 1000
    assert all(word == word.casefold() and word.isalnum() for word in words)
