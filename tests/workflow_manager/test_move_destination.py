"""Where a C-MOVE goes: to the one node that is meant, and never to a guess."""

import pytest
from images import STUDY
from test_dicom_index import arrival, put

from scanhub_libraries.database import transaction
from scanhub_libraries.lake import LocalLake
from workflow_manager.query import desk as query_desk
from workflow_manager.query.desk import QueryDesk
from workflow_manager.targets.models import Target
from workflow_manager.targets.secret_box import SecretBox

HERE, THERE = "10.0.0.7", "10.0.0.8"


@pytest.fixture
def desk(sessions, tmp_path):
    return QueryDesk(sessions, LocalLake(tmp_path), SecretBox(None))


async def add(sessions, **targets):
    async with transaction(sessions) as session:
        for name, (ip, port, kind) in targets.items():
            document = {"ip": ip, "port": port, "aet_target": "PACS"}
            session.add(Target(name=name, target_type=kind, document=document))


async def asked(desk, what="move"):
    keys = [["StudyInstanceUID", STUDY]]
    question = {"what": what, "model": "study", "level": "STUDY", "keys": keys}
    return await desk.answer({**question, "destination": "PACS", "address": HERE})


@pytest.mark.parametrize(
    ("targets", "place"),
    [
        ({}, None),
        ({"a": (THERE, 104, "dicom")}, (THERE, 104)),
        ({"a": ("sender", 104, "dicom"), "b": (THERE, 104, "dicom")}, (THERE, 104)),
        ({"a": (THERE, 104, "dicom"), "b": (HERE, 105, "dicom")}, (HERE, 105)),
        ({"a": (HERE, 104, "dicom"), "b": (HERE, 2762, "dicomtls")}, (HERE, 2762)),
        ({"a": (THERE, 104, "dicom"), "b": ("10.0.0.9", 104, "dicom")}, None),
        ({"a": (HERE, 104, "dicom"), "b": (HERE, 105, "dicom")}, None),
    ],
    ids=["none", "one", "not a sender", "who asks", "over TLS", "two elsewhere", "two of who asks"],
)
async def test_images_go_to_the_node_that_is_meant(sessions, desk, targets, place):
    await put(sessions, arrival(1))
    await add(sessions, **targets)
    found = (await asked(desk))["destination"]
    assert (found and (found["host"], found["port"])) == place


async def test_more_than_can_be_counted_is_refused(sessions, desk, monkeypatch):
    monkeypatch.setattr(query_desk, "MOST_FILES", 2)
    await put(sessions, arrival(1), arrival(2))
    assert len((await asked(desk, "get"))["files"]) == 2
    await put(sessions, arrival(3))
    assert "each series" in (await asked(desk, "get"))["problem"]
