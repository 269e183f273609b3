"""ScanHub's wire contract, row by row, against the product as it is installed."""

import httpx
import pytest
from contract.people import PASSWORD, Credentials, user_in
from contract.scanhub_v1 import run, why_not

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]


async def test_every_row_of_the_contract_holds(installation):
    report = await run(installation.url, Credentials("contract", PASSWORD))
    assert report.failures == [], "\n".join(report.failures)
    assert len(report.rows) > 250
    assert "Traceback" not in installation.log


@pytest.mark.parametrize(
    ("url", "says"),
    [("http://127.0.0.1:1", "No platform answers"), ("127.0.0.1:8000", "No platform answers")],
)
async def test_the_script_says_why_nothing_can_be_checked(url, says):
    reason = await why_not(url, Credentials("contract", PASSWORD))
    assert says in reason


@pytest.mark.long
async def test_the_script_names_a_login_that_does_not_work(installation):
    first = Credentials("contract", PASSWORD)
    assert await why_not(installation.url, first) is None
    async with httpx.AsyncClient(base_url=installation.url) as http:
        body = user_in(first.username, role="admin")
        answer = await http.post("/api/v1/userlogin/createfirstuser", json=body)
    assert answer.status_code == 201
    assert await why_not(installation.url, first) is None
    wrong = Credentials("contract", "wrong password")
    assert "cannot log in" in await why_not(installation.url, wrong)
