"""What the demo says where containers do not run: a sentence for who has never seen podman."""

import pytest

from scanhub.demo.container import NoContainerError, _make_image, reason


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (
            "Error: runc: error setting rlimit type 7: operation not permitted: OCI error",
            "may not raise the limits of processes",
        ),
        ("cannot find newuidmap: exec: not found", "package uidmap is missing"),
        ("Cannot connect to the Docker daemon at unix:///run/docker.sock", "daemon does not run"),
    ],
)
def test_what_an_engine_says_is_put_into_words(said, why):
    told = reason("podman", said)
    assert told.startswith("podman is installed, but starts no container here: ")
    assert why in told
    assert told.endswith(f"; it says {said!r}")


def test_what_nobody_knows_is_told_as_it_was_said():
    assert reason("docker", "No.") == (
        "docker is installed, but starts no container here: it says 'No.'"
    )


def test_an_engine_that_starts_nothing_is_a_reason_to_go_on_without(tmp_path):
    engine = tmp_path / "podman"
    engine.write_text(
        "#!/bin/sh\necho 'setting rlimit type 7: operation not permitted' >&2; exit 126\n"
    )
    engine.chmod(0o755)
    with pytest.raises(NoContainerError, match="may not raise the limits"):
        _make_image({"runtime": str(engine), "ok": True})
