import asyncio

from scanhub_libraries.security.passwords import hash_password, verify_password


async def test_the_right_password_is_known_and_a_wrong_one_is_not():
    hashed = await hash_password("correct horse battery")
    assert hashed.startswith("$argon2id$")
    assert await verify_password("correct horse battery", hashed)
    assert not await verify_password("correct horse batterx", hashed)


async def test_an_unknown_user_is_refused_whatever_the_password():
    assert not await verify_password("timing of an unknown user", None)


async def test_the_event_loop_turns_while_passwords_are_hashed():
    turns = 0
    hashing = asyncio.gather(*(hash_password("x" * 20) for _ in range(5)))
    while not hashing.done():
        turns += 1
        await asyncio.sleep(0)
    assert turns > 100
