"""Bytes that come with the announcement of a file: written while it is entered, or dropped."""

import asyncio
from uuid import UUID

from http_uploads import DATA, Uploader
from sqlmodel import select

from device_manager.uploads.models import Upload
from device_manager.uploads.piece import Body
from device_manager.uploads.tus import Metadata
from scanhub_libraries.database import reading, transaction

SMALL = DATA[:300_000]


async def rows_of(lab):
    async with reading(lab.app.state.sessions) as session:
        return (await session.scalars(select(Upload))).all()


async def test_what_comes_along_is_written_while_its_upload_is_entered(lab):
    async with lab.scanner() as scanner:
        device = Uploader(lab, await lab.started(scanner))
        async with transaction(lab.app.state.sessions) as session:
            await session.connection()  # nobody else writes into the database meanwhile
            sending = asyncio.create_task(device.announce("a.mrd", SMALL, content=SMALL))
            await lab.eventually(
                lambda: asyncio.sleep(0, device.unfinished()), lambda sizes: sizes == [len(SMALL)]
            )
            assert await rows_of(lab) == []
            assert not sending.done()
        answer = await sending
        assert answer.status_code == 201, answer.text
        assert answer.headers["Upload-Result-Id"]
        assert "a.mrd" in lab.files()


async def test_what_came_along_with_an_upload_that_is_not_entered_is_removed(lab):
    async with lab.scanner() as scanner:
        start = await lab.started(scanner)
        device = Uploader(lab, start)
        async with transaction(lab.app.state.sessions) as session:
            await session.connection()
            sending = asyncio.create_task(device.announce("a.mrd", SMALL, content=SMALL))
            await lab.eventually(
                lambda: asyncio.sleep(0, device.unfinished()), lambda sizes: sizes == [len(SMALL)]
            )
            faster = Upload(
                acquisition_id=UUID(start["acquisition_id"]),
                device_id=UUID(scanner.device_id),
                filename="a.mrd",
                size_bytes=len(SMALL),
            )
            session.add(faster)
        assert (await sending).status_code == 409
        assert device.unfinished() == []
        assert [row.id for row in await rows_of(lab)] == [faster.id]


async def test_what_came_along_is_kept_when_the_request_ends_before_it_is_known_to_be_entered(lab):
    async with lab.scanner() as scanner:
        device = Uploader(lab, await lab.started(scanner))
        about = Metadata("a.mrd", None, None, None, None)

        async def receive():
            return {"type": "http.request", "body": SMALL, "more_body": False}

        state = lab.app.state
        async with transaction(state.sessions) as session:
            await session.connection()
            announcing = asyncio.create_task(
                state.reception.announce(
                    state.verifier.verify(device.start["access_token"]),
                    about,
                    len(SMALL),
                    body=Body(receive, len(SMALL)),
                )
            )
            await lab.eventually(
                lambda: asyncio.sleep(0, device.unfinished()), lambda sizes: sizes == [len(SMALL)]
            )
            announcing.cancel()
            await asyncio.wait({announcing})
        assert announcing.cancelled()
        assert device.unfinished() == [len(SMALL)]
        answer = await device.announce("a.mrd", SMALL, content=SMALL)
        assert answer.status_code == 201, answer.text
        assert "a.mrd" in lab.files()


async def test_a_part_that_came_along_is_kept_and_goes_on(lab):
    async with lab.scanner() as scanner:
        device = Uploader(lab, await lab.started(scanner))
        answer = await device.announce("a.mrd", SMALL, content=SMALL[:1000])
        assert answer.status_code == 201, answer.text
        assert answer.headers["Upload-Offset"] == "1000"
        sent = await device.send(answer.headers["Location"], 1000, SMALL[1000:])
        assert sent.status_code == 204, sent.text
        assert "a.mrd" in lab.files()


async def test_more_than_was_announced_is_refused_and_leaves_the_upload_empty(lab):
    async with lab.scanner() as scanner:
        device = Uploader(lab, await lab.started(scanner))
        answer = await device.announce("a.mrd", SMALL, size_bytes=1000, content=SMALL)
        assert answer.status_code == 413, answer.text
        assert answer.headers["Upload-Offset"] == "0"
        assert len(await rows_of(lab)) == 1
