"""The UI knows the sentences of the classes that it says in other languages, and no others."""

import ast
import inspect
import re

import pytest
from server_sentences import SENTENCES, is_known

import device_manager.acquisitions.rules
import exam_manager.users.lockout
import exam_manager.users.login_gate
import exam_manager.users.logins
import exam_manager.users.password_rules
import exam_manager.users.rules
import exam_manager.users.service
import exam_manager.users.sessions
import scanhub_libraries.problems
import scanhub_libraries.versions
from scanhub_libraries.errors import ScanHubError


def all_errors(kind=ScanHubError):
    yield kind
    for below in kind.__subclasses__():
        yield from all_errors(below)


def test_the_title_of_every_problem_is_known():
    titles = {error.title for error in all_errors() if not error.__module__.startswith("test")}
    assert sorted(title for title in titles if not is_known(title)) == []


def sentence_of(node):
    """Return a text of the code as it may read; None if it is none."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(
            getattr(part, "value", "X") if isinstance(part, ast.Constant) else "X"
            for part in node.values
        )
    return None


def refusals_of(module):
    """Yield what errors and refusals of a module say."""
    for node in ast.walk(ast.parse(inspect.getsource(module))):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            continue
        place = 1 if node.func.id == "Refusal" else 0
        if (place or node.func.id.endswith("Error")) and len(node.args) > place:
            sentence = sentence_of(node.args[place])
            if sentence is not None:
                yield sentence


USERS = exam_manager.users


@pytest.mark.parametrize(
    ("module", "least"),
    [
        (USERS.lockout, 1),
        (USERS.login_gate, 2),
        (USERS.logins, 4),
        (USERS.rules, 6),
        (USERS.service, 6),
        (USERS.sessions, 2),
        (scanhub_libraries.versions, 1),
    ],
)
def test_what_a_module_refuses_with_is_known(module, least):
    found = set(refusals_of(module))
    assert len(found) >= least
    assert sorted(text for text in found if not is_known(text)) == []


def test_why_a_start_is_refused_is_known():
    source = inspect.getsource(device_manager.acquisitions.rules)
    head = source[: source.index("# --- may this device report")]
    found = re.findall(r'Refusal\(\s*\w+,\s*f?"([^"]+)"', head)
    texts = [re.sub(r"\{[^}]*\}", "X", text) for text in found]
    assert len(texts) >= 10
    assert [text for text in texts if not is_known(text)] == []


def test_the_rules_of_passwords_are_known():
    source = inspect.getsource(USERS.password_rules)
    found = re.findall(r'_refused\("\w+", f?"([^"]+)"\)', source)
    texts = [f"The password {re.sub(r'{[^}]*}', 'X', text)}." for text in found]
    assert len(texts) == 6
    assert [text for text in texts if not is_known(text)] == []


def test_no_sentence_stands_there_twice():
    assert len(SENTENCES) == len(set(SENTENCES))
