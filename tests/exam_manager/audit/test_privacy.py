"""No name, birth date, password or token in a log line or in the data of an event."""

import shutil

import httpx
import pytest
import sqlalchemy as sa
from outside import Outside, scanned

from exam_manager.database import OutboxEvent
from scanhub_libraries.database import create_engine, create_sessions, reading, sqlite_url

PATIENT, LOGIN = "/api/v1/patient", "/api/v1/userlogin"
PASSWORD, WRONG = "unheard of staple", "another unheard staple"
SECRET = ("Zweiundvierzig", "Quastenflosser", "1961-07-09", PASSWORD, WRONG)


@pytest.fixture
async def outside(tmp_path, empty_database, platform_at, keys):
    shutil.copyfile(empty_database, tmp_path / "exam.sqlite")
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "signing.pem").write_text(keys.private_pem)
    (tmp_path / "keys" / "signing.pub.pem").write_text(keys.public_pem)
    outside = Outside(tmp_path, platform_at)
    await outside.start()
    yield outside
    await outside.stop()


async def test_neither_the_log_nor_an_event_knows_who_the_patient_is(outside, tmp_path):
    platform, tokens = outside.platform, []
    first, last, born = SECRET[:3]
    patient = {"first_name": first, "last_name": last, "birth_date": born}
    made = await platform.patient(**patient)
    await platform.call("GET", f"{PATIENT}/", params={"search": last}, expect=200)
    wrong = {**made, "height": -1, "last_name": f"{last}\x00"}
    await platform.call("PUT", f"{PATIENT}/{made['id']}", json=wrong, expect=422)
    await platform.call("POST", f"{PATIENT}/", content=f'{{"last_name": "{last}'.encode())
    await platform.exam(patient_id=made["id"])
    ids = await scanned(platform, tmp_path / "lake-root")
    user = {"username": "root", "first_name": "R", "last_name": "R", "email": None,
            "role": "admin", "access_token": PASSWORD, "token_type": "password"}  # fmt: skip
    await platform.make(f"{LOGIN}/createfirstuser", user, headers={})
    for password in (PASSWORD, WRONG):
        form = {"username": "root", "password": password}
        answer = await platform.call("POST", f"{LOGIN}/login", data=form, headers={})
        tokens += [answer.json().get("access_token")]
    form = {"username": WRONG, "password": WRONG}  # the password in the wrong field
    await platform.call("POST", f"{LOGIN}/login", data=form, headers={}, expect=401)
    (token,) = filter(None, tokens)
    await outside.stop()
    assert '"path": "/api/v1/patient/"' in outside.log  # the log is there, with everything
    engine = create_engine(sqlite_url(tmp_path / "exam.sqlite"))
    async with reading(create_sessions(engine)) as session:
        events = (await session.scalars(sa.select(OutboxEvent))).all()
    await engine.dispose()
    assert {"patient.created", "exam.task.finished"} <= {event.type for event in events}
    told = outside.log + "".join(str(event.model_dump()) for event in events)
    assert ids["task"] in told
    for secret in (*SECRET, token, "Lovelace", "1985-12-10", "argon2"):
        assert secret not in told


async def test_an_error_of_the_database_names_no_patient(platform, caplog):
    """Its text would carry the values of the statement into the log."""
    async with platform.app.state.sessions() as session, session.begin():
        await session.execute(sa.text("ALTER TABLE patient RENAME COLUMN issuer TO other"))
    transport = httpx.ASGITransport(app=platform.app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
        body = {"first_name": SECRET[0], "last_name": SECRET[1], "birth_date": SECRET[2],
                "sex": "MALE", "height": 165.5, "weight": 61.9, "issuer": "x"}  # fmt: skip
        answer = await http.post(f"{PATIENT}/", json=body, headers=platform.medical)
    assert answer.is_server_error
    with pytest.raises(sa.exc.OperationalError) as caught:
        async with platform.app.state.sessions() as session:
            query = sa.text("INSERT INTO patient (issuer, last_name) VALUES ('x', :name)")
            await session.execute(query, {"name": SECRET[1]})
    assert SECRET[1] not in str(caught.value) + caplog.text
