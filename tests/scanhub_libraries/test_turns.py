"""Coroutines and threads take turns in the order in which they came."""

import asyncio
import threading

import pytest

from scanhub_libraries.turns import Turns


async def test_coroutines_and_threads_come_in_their_order():
    turns, order = Turns(), []
    await turns.take(30)

    async def coroutine(name):
        await turns.take(30)
        order.append(name)
        turns.give_back()

    def thread(name):
        turns.take_in_thread(30)
        order.append(name)
        turns.give_back()

    work = []
    for number in range(6):
        if number % 2:
            work.append(asyncio.create_task(asyncio.to_thread(thread, number)))
        else:
            work.append(asyncio.create_task(coroutine(number)))
        while len(turns._waiting) <= number:
            await asyncio.sleep(0.001)
    turns.give_back()
    await asyncio.gather(*work)
    assert order == list(range(6))
    turns.take_in_thread(0)  # and it is free again


@pytest.mark.parametrize("waits_in_thread", [True, False])
async def test_who_waits_in_vain_is_told_and_holds_up_nobody(waits_in_thread):
    turns = Turns()
    await turns.take(30)
    with pytest.raises(TimeoutError):
        if waits_in_thread:
            await asyncio.to_thread(turns.take_in_thread, 0.01)
        else:
            await turns.take(0.01)
    turns.give_back()
    turns.take_in_thread(0)


async def test_who_is_cancelled_as_the_turn_comes_gives_it_back():
    turns = Turns()
    for step in range(4):
        await turns.take(30)
        waiting = asyncio.create_task(turns.take(30))
        await asyncio.sleep(0)
        turns.give_back()
        for _ in range(step):
            await asyncio.sleep(0)
        waiting.cancel()
        try:
            await waiting
        except asyncio.CancelledError:
            await turns.take(30)
        turns.give_back()


def test_many_at_once_are_never_two_inside():
    turns, inside, seen = Turns(), [], []

    def work():
        for _ in range(200):
            turns.take_in_thread(30)
            inside.append(1)
            seen.append(len(inside))
            inside.pop()
            turns.give_back()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert (len(seen), set(seen)) == (1600, {1})
