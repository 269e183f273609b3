"""Senders that open an association for each image get one case for a series, not one for each."""

import pytest
from images import instance
from sqlmodel import select
from test_dicomweb_retrieve import encoded
from workflow_service import WORKFLOW, a_port

from scanhub_libraries.database import reading
from workflow_manager.cases.models import HastySender


async def upload(service, file):
    answer = await service.user.post(f"{WORKFLOW}/imports", files=[("files", file)])
    assert answer.status_code == 202, answer.text


async def test_whose_series_go_on_after_the_association_are_waited_for_the_longer_time(
    serving, ward_of
):
    port = a_port()
    settings = {"series_quiet_s": 3600.0, "series_closed_quiet_s": 0.2, "dicom_port": port}
    async with serving(**settings) as service:
        ward = ward_of(service)
        await ward.add_rule("tell", action="notification", target=[])
        await ward.send(port, "1.1", 1)
        first = await ward.case("done", series_instance_uid="1.1")
        assert first["complete_reason"] == "association closed"
        await ward.send(port, "1.1", 2)
        # Whose association ends now is complete soon; this series is not, it proved it.
        await ward.send(port, "1.2", 1, calling="ANOTHER")
        await ward.case("done", series_instance_uid="1.2")
        assert len(await service.get("/cases?series_instance_uid=1.1")) == 1
        await ward.post("/series/1.1/complete")
        await ward.case("done", series_instance_uid="1.1", number=2)
        # And neither is the next one of this sender.
        await ward.send(port, "1.3", 1)
        await ward.send(port, "1.4", 1, calling="ANOTHER")
        await ward.case("done", series_instance_uid="1.4")
        assert await service.get("/cases?series_instance_uid=1.3") == []
        await ward.send(port, "1.3", 2)
    async with serving(**{**settings, "series_quiet_s": 0.2}) as service:
        case = await ward_of(service).case("done", series_instance_uid="1.3")
        assert case["complete_reason"] == "quiet"
        (series,) = (await service.get(f"/cases/{case['id']}"))["series"]
        assert series["instances"] == 2


@pytest.mark.long
async def test_who_sends_again_much_later_is_no_hasty_sender(serving, ward_of):
    port = a_port()
    settings = {"series_quiet_s": 0.001, "series_closed_quiet_s": 0.0, "dicom_port": port}
    async with serving(**settings) as service:
        ward = ward_of(service)
        await ward.add_rule("tell", action="notification", target=[])
        for number in (1, 2):
            await ward.send(port, "1.1", number)
            await ward.case("done", series_instance_uid="1.1", number=number)
    async with serving(**{**settings, "series_quiet_s": 3600.0}) as service:
        ward = ward_of(service)
        await ward.send(port, "1.2", 1)
        case = await ward.case("done", series_instance_uid="1.2")
        assert case["complete_reason"] == "association closed"


async def test_an_import_in_pieces_makes_nobody_a_hasty_sender(serving, ward_of):
    """What they brought is complete because they said so, not because an association ended."""
    settings = {"series_quiet_s": 3600.0, "series_closed_quiet_s": 0.1}
    async with serving(**settings) as service:
        ward = ward_of(service)
        await ward.add_rule("tell", action="notification", target=[])
        for number in (1, 2):
            await upload(service, ("image.dcm", encoded(instance(number, series="1.1"))))
            case = await ward.case("done", series_instance_uid="1.1", number=number)
            assert case["complete_reason"] == "all brought"
        await upload(service, ("image.dcm", encoded(instance(1, series="1.2"))))
        await ward.case("done", series_instance_uid="1.2")  # without the longer time
        async with reading(service.wiring.sessions) as session:
            assert (await session.scalars(select(HastySender))).all() == []
