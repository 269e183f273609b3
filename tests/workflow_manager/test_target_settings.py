"""What a target may be, and what it never tells."""

import pytest
from pydantic import SecretStr

from scanhub_libraries.models import TargetIn


def test_what_was_sent_is_never_in_the_words_of_a_target():
    target = TargetIn.model_validate(
        {"name": "a", "target_type": "xnat", "host": "http://h", "project_id": "p", "user": "u"}
        | {"password": "s3cret"}
    )
    assert isinstance(target.root.password, SecretStr)
    assert "s3cret" not in repr(target) + target.model_dump_json()


@pytest.mark.parametrize(
    ("target_type", "settings"),
    [
        ("folder", {"folder": "relative"}),
        ("folder", {"folder": "/a/../b"}),
        ("dicomweb", {"url": "file:///data"}),
        ("dicomweb", {"url": "http://user:secret@host/"}),
        ("sftp", {"host": "-oProxyCommand=x", "folder": "/a", "user": "u"}),
        ("rsync", {"host": "h", "folder": "/a", "user": "-oProxyCommand=x"}),
        ("rsync", {"host": "h", "folder": "/a", "user": "u", "module": "../x"}),
        ("rsync", {"host": "h", "folder": "/a", "user": "u", "module": "m", "run_on_complete": 1}),
        ("dicomweb", {"url": "http://h", "transfer_syntaxes": ["JPEG"]}),
        ("s3", {"bucket": "UP/../.."}),
        ("xnat", {"host": "http://h", "project_id": "../x", "user": "u"}),
        ("nothing", {}),
    ],
)
def test_settings_that_cannot_be_are_refused(target_type, settings):
    with pytest.raises(ValueError, match="validation error"):
        TargetIn.model_validate({"name": "a", "target_type": target_type, **settings})
