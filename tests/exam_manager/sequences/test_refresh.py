"""Stored sequences whose facts come from an older analysis."""

import asyncio

import pytest

from exam_manager.sequences.models import Sequence
from exam_manager.sequences.pulseq_facts.facts import ANALYSIS_VERSION
from exam_manager.sequences.reader import unreadable
from exam_manager.sequences.refresh import SequenceRefresh
from scanhub_libraries.database import transaction

EXAM = "/api/v1/exam"


def refresh_of(platform, read_sequence=None):
    reader = read_sequence or platform.app.state.read_sequence
    return SequenceRefresh(platform.app.state.sessions, platform.lake, reader)


async def age(platform, made, **facts):
    """Let a sequence have the facts of an older analysis."""
    async with transaction(platform.app.state.sessions) as session:
        row = await session.get(Sequence, made["_id"])
        row.facts = {"pulseq_version": "1.5.0", "duration_s": 1.0, "num_blocks": 1, **facts}


async def facts_of(platform, made):
    url = f"{EXAM}/sequence/{made['_id']}"
    return (await platform.call("GET", url, expect=200)).json()["facts"]


@pytest.mark.parametrize("version", [{}, {"analysis_version": None}, {"analysis_version": 0}])
async def test_old_facts_are_computed_again_and_new_ones_are_left(either, upload, version):
    old, new = await upload(either), await upload(either)
    await age(either, old, num_readouts=7, **version)
    assert await refresh_of(either).refresh() == 1
    assert await facts_of(either, old) == old["facts"]
    assert await facts_of(either, new) == new["facts"]
    assert await refresh_of(either).refresh() == 0
    one = (await either.call("GET", f"{EXAM}/sequence/{old['_id']}", expect=200)).json()
    assert (one["version"], one["updated_at"]) == (1, None)


async def test_what_cannot_be_analysed_keeps_its_facts_and_says_why(platform, upload):
    broken, whole = await upload(platform), await upload(platform)
    gone = await upload(platform)
    for made in (broken, whole, gone):
        await age(platform, made, num_readouts=7)
    await platform.lake.put(f"sequences/{broken['_id']}.seq", b"no sequence\n")
    await platform.lake.delete(f"sequences/{gone['_id']}.seq")
    assert await refresh_of(platform).refresh() == 3
    assert await facts_of(platform, whole) == whole["facts"]
    facts = await facts_of(platform, broken)
    assert (facts["num_readouts"], facts["analysis_version"]) == (7, ANALYSIS_VERSION)
    assert facts["notes"][0].startswith("not analysed again: seq_file, line 1")
    assert await refresh_of(platform).refresh() == 0


async def test_no_transaction_is_open_while_a_file_is_analysed(platform, upload):
    made = await upload(platform)
    await age(platform, made, num_readouts=7)
    entered, leave = asyncio.Event(), asyncio.Event()

    async def slow(data):
        entered.set()
        await leave.wait()
        raise unreadable(3, "too slow")

    running = asyncio.create_task(refresh_of(platform, slow).refresh())
    await entered.wait()
    url = f"{EXAM}/sequence/{made['_id']}"
    await platform.call("PUT", url, json={"name": "Meanwhile"}, expect=200)
    leave.set()
    assert await running == 1
    one = (await platform.call("GET", url, expect=200)).json()
    assert (one["name"], one["version"]) == ("Meanwhile", 2)
    assert one["facts"]["notes"] == ["not analysed again: seq_file, line 3: too slow"]


async def test_a_sequence_deleted_meanwhile_stays_deleted(platform, upload):
    made = await upload(platform)
    await age(platform, made, num_readouts=7)

    async def deleting(data):
        await platform.call("DELETE", f"{EXAM}/sequence/{made['_id']}", expect=202)
        raise unreadable(1, "gone")

    assert await refresh_of(platform, deleting).refresh() == 1
    await platform.call("GET", f"{EXAM}/sequence/{made['_id']}", expect=404)


async def test_it_ends_with_the_service(platform):
    refresh = refresh_of(platform)
    await refresh.stop()
    refresh.start()
    await refresh.stop()
    assert refresh._task.cancelled()
