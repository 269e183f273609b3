import asyncio

import pytest
from passlib.hash import argon2

from scanhub_libraries.errors import TooManyRequestsError
from scanhub_libraries.security import passwords
from scanhub_libraries.security.passwords import (
    MOST_WAITING,
    hash_password,
    is_outdated,
    verify_password,
)


async def test_the_right_password_is_known_and_a_wrong_one_is_not():
    hashed = await hash_password("correct horse battery")
    assert hashed.startswith("$argon2id$")
    assert await verify_password("correct horse battery", hashed)
    assert not await verify_password("correct horse batterx", hashed)


async def test_an_unknown_user_is_refused_whatever_the_password():
    assert not await verify_password("timing of an unknown user", None)


def test_to_compare_with_an_unknown_user_takes_as_long_as_with_any_other():
    assert not is_outdated(passwords._UNKNOWN_USER)  # of the same parameters


async def test_the_event_loop_turns_while_passwords_are_hashed():
    turns = 0
    hashing = asyncio.gather(*(hash_password("x" * 20) for _ in range(5)))
    while not hashing.done():
        turns += 1
        await asyncio.sleep(0)
    assert turns > 100


async def test_the_same_letters_are_the_same_password_however_they_are_composed():
    hashed = await hash_password("Z\u00fcrich im Nebel")
    assert await verify_password("Zu\u0308rich im Nebel", hashed)
    assert not await verify_password("Zurich im Nebel", hashed)


async def test_a_hash_of_other_parameters_is_outdated():
    assert not is_outdated(await hash_password("correct horse battery"))
    weak = argon2.using(type="ID", memory_cost=1024, time_cost=1, parallelism=1)
    assert is_outdated(weak.hash("correct horse battery"))


@pytest.mark.long
async def test_who_comes_when_too_many_wait_is_sent_away_and_the_others_are_served():
    asked = [hash_password("correct horse battery") for _ in range(MOST_WAITING + 5)]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, TooManyRequestsError)]
    assert len(refused) == 5
    assert refused[0].extensions["retry_after"] >= 1
    assert await verify_password("correct horse battery", answers[0])


async def test_who_gives_up_waiting_leaves_no_place_taken():
    for _ in range(2):
        asked = [asyncio.ensure_future(hash_password("x")) for _ in range(MOST_WAITING)]
        await asyncio.sleep(0)
        for waiting in asked:
            waiting.cancel()
        await asyncio.gather(*asked, return_exceptions=True)
    with pytest.raises(asyncio.CancelledError):
        await asked[0]
    assert (await hash_password("correct horse battery")).startswith("$argon2id$")
