"""Off-peak hours go by the clock on the wall, also in the nights in which it is changed."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from workflow_manager.dispatch.rules import OffPeak

BERLIN = ZoneInfo("Europe/Berlin")  # 2026: forward on 29 March at 01:00 UTC, back on 25 October
SHORT = OffPeak(time(2, 30), time(2, 45), BERLIN)
LONG = OffPeak(time(2, 30), time(4), BERLIN)
NIGHT = OffPeak(time(22), time(6), BERLIN)


def utc(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("window", "now", "opens"),
    [
        (LONG, "2026-03-28T23:00", "2026-03-29T01:00"),  # 02:30 is left out: at 03:00
        (LONG, "2026-03-29T00:45", "2026-03-29T01:00"),
        (SHORT, "2026-03-28T23:00", "2026-03-30T00:30"),  # all of it is left out: the next night
        (SHORT, "2026-10-24T23:00", "2026-10-25T00:30"),
        (SHORT, "2026-10-25T00:50", "2026-10-25T01:30"),  # 02:30 comes twice
        (SHORT, "2026-10-25T02:00", "2026-10-26T01:30"),
        (NIGHT, "2026-03-29T12:00", "2026-03-29T20:00"),
        (NIGHT, "2026-10-25T12:00", "2026-10-25T21:00"),
    ],
)
def test_it_opens_by_the_clock_on_the_wall_when_that_is_changed(window, now, opens):
    assert window.opens_at(utc(now)) == utc(opens)


@pytest.mark.parametrize("day", ["2026-03-28", "2026-10-24", "2026-07-01"])
@pytest.mark.parametrize("window", [SHORT, LONG, NIGHT])
def test_when_it_opens_is_the_first_minute_in_which_it_is_open(window, day):
    start = utc(f"{day}T18:00")
    for minutes in range(0, 24 * 60, 7):
        now = start + timedelta(minutes=minutes)
        first = now
        while not window.is_open(first):
            first += timedelta(minutes=1)
        assert timedelta(0) <= first - window.opens_at(now) < timedelta(minutes=1)
