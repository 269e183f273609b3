"""The files of the UI, asked for under odd names."""

import httpx
import pytest

from scanhub.ui import UserInterface


@pytest.fixture
async def http(tmp_path):
    ui = tmp_path / "ui"
    (ui / "assets").mkdir(parents=True)
    (ui / "index.html").write_text("the page")
    (ui / "assets" / "app.js").write_text("the program")
    (tmp_path / "secret.txt").write_text("secret")
    (ui / "way-out").symlink_to(tmp_path)
    transport = httpx.ASGITransport(app=UserInterface(ui))
    async with httpx.AsyncClient(transport=transport, base_url="http://ui") as client:
        yield client


async def test_a_file_is_given_and_any_other_path_is_the_page(http):
    assert (await http.get("/assets/app.js")).text == "the program"
    assert (await http.get("/patients/7")).text == "the page"
    assert (await http.get("/assets/old.js")).status_code == 404


@pytest.mark.parametrize(
    "path", ["/%00", "/a%00.js", f"/{'a' * 300}", f"/assets/{'a/' * 3000}x.js"]
)
async def test_a_name_that_no_file_can_have_is_not_found(http, path):
    answer = await http.get(path)
    assert answer.status_code == 404
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("path", ["/%2e%2e/secret.txt", "/..%2fsecret.txt", "/way-out/secret.txt"])
async def test_no_path_leads_out_of_the_folder(http, path):
    assert (await http.get(path)).text == "the page"


async def test_a_file_goes_packed_to_who_takes_it_so_and_is_read_anew_when_it_changes(
    http, tmp_path
):
    packed = await http.get("/assets/app.js", headers={"Accept-Encoding": "gzip, br"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert packed.headers["Content-Type"].startswith("text/javascript")
    assert packed.text == "the program"
    plain = await http.get("/assets/app.js", headers={"Accept-Encoding": "identity"})
    assert "Content-Encoding" not in plain.headers
    assert plain.text == "the program"
    page = await http.get("/")
    known = {"If-None-Match": page.headers["ETag"]}
    assert (await http.get("/", headers=known)).status_code == 304
    (tmp_path / "ui" / "index.html").write_text("another page")
    assert (await http.get("/", headers=known)).text == "another page"
