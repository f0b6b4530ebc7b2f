"""Who gets in, what a form must bring, and what every answer says to the browser."""

from collections.abc import Iterator
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest
from pydantic import SecretStr
from starlette.routing import Route

from tests.web.client import Client, token_of
from tests.web.conftest import PASSWORD, TOKEN, Site
from tests.web.sample import add_sample
from web.app import make_app, require_protected, routes
from web.sessions import COOKIE, LIFETIME, Gate, Role
from worker.errors import InvalidSettings
from worker.models.upload import UploadState

SECRETS = {"web_password": SecretStr(PASSWORD), "web_operator_token": SecretStr(TOKEN)}
POSTS = [
    "/sign-in",
    "/sign-out",
    "/jobs/12/retry",
    "/jobs/12/cancel",
    "/jobs/12/runs/36/retry",
    "/jobs/12/runs/36/cancel",
    "/jobs/12/runs/36/enqueue",
]


@pytest.fixture(params=["sqlite"])
def database_url(tmp_path: object) -> str:
    """One kind is enough: what is tested here asks no row."""
    return f"sqlite:///{tmp_path}/test.db"


@pytest.fixture
def closed(site: Site) -> Iterator[Client]:
    """The pages behind a password."""
    add_sample(site.engine)
    with site.open(**SECRETS) as ask:
        yield ask


def addresses() -> Iterator[Route]:
    for each in routes():
        if isinstance(each, Route):
            yield each


@pytest.mark.parametrize(
    "path", [each.path for each in addresses() if "GET" in (each.methods or ())]
)
def test_nobody_sees_a_page_without_the_password(closed: Client, path: str) -> None:
    path = path.replace("{job}", "12").replace("{run}", "36")
    if path == "/sign-in":
        assert closed(path).status == 200
        return
    answer = closed(path)
    assert answer.status == 303
    assert answer.headers["location"] == f"/sign-in?to={path}"
    assert closed(f"{path}?format=json").status == 401
    assert "Job 12" not in answer.text


def test_the_password_lets_read_and_the_token_act(closed: Client) -> None:
    assert closed.sign_in("a guess that is wrong").status == 403
    answer = closed.sign_in(PASSWORD)
    assert (answer.status, answer.headers["location"]) == (303, "/jobs")
    assert {"HttpOnly", "SameSite=strict"} <= set(answer.headers["set-cookie"].split("; "))
    page = closed("/jobs/12/runs/36")
    assert page.status == 200
    assert "Retry" not in page.text
    refused = closed("/jobs/12/runs/36/retry", {"form_token": token_of(page)})
    assert refused.status == 403
    assert "operator" in refused.text
    closed.sign_in(TOKEN)
    page = closed("/jobs/12/runs/36")
    assert "Retry" in page.text
    assert closed("/jobs/12/runs/36/retry", {"form_token": token_of(page)}).status == 303


def test_signing_out_ends_it(closed: Client) -> None:
    closed.sign_in(PASSWORD)
    token = token_of(closed("/jobs"))
    assert closed("/sign-out", {"form_token": token}).status == 303
    assert closed("/jobs").status == 303


def test_a_session_outlives_a_restart_and_not_a_change_of_the_secret(site: Site) -> None:
    with site.open(**SECRETS) as ask:
        ask.sign_in(PASSWORD)
        cookies = ask.cookies
    with site.open(**SECRETS) as ask:
        ask.cookies = cookies
        assert ask("/jobs").status == 200
    with site.open(web_password=SecretStr("another password")) as ask:
        ask.cookies = cookies
        assert ask("/jobs").status == 303


def test_a_program_sends_its_secret_with_each_request(closed: Client) -> None:
    found = closed("/jobs?format=json", Authorization=f"Bearer {PASSWORD}")
    assert [each["job_id"] for each in found.json] == [12]
    assert closed("/jobs?format=json", Authorization="Bearer a guess").status == 401
    acted = closed("/jobs/12/runs/36/retry", {}, Authorization=f"Bearer {TOKEN}")
    assert acted.status == 303
    only_read = closed("/jobs/12/runs/36/retry", {}, Authorization=f"Bearer {PASSWORD}")
    assert only_read.status == 403


def test_every_route_that_acts_is_tried() -> None:
    acting = [each.path for each in addresses() if each.methods == {"POST"}]
    assert sorted(acting) == sorted(
        path.replace("36", "{run}").replace("12", "{job}") for path in POSTS
    )


@pytest.mark.parametrize("path", POSTS)
def test_a_form_of_another_site_does_nothing(site: Site, closed: Client, path: str) -> None:
    closed.sign_in(TOKEN)
    before = site.services.upload_list.counts(12)
    token = token_of(closed("/jobs/12/runs/36"))
    stolen = Client(closed.address)
    stolen.sign_in(TOKEN)
    foreign = token_of(stolen("/jobs/12/runs/36"))
    for form in ({}, {"form_token": ""}, {"form_token": "é"}, {"form_token": foreign}):
        assert closed(path, form).status == 403, form
    for told in ({"Origin": "http://evil.example"}, {"Origin": "null"}):
        assert closed(path, {"form_token": token}, **told).status == 403
    for site_of_it in ("cross-site", "same-site"):
        answer = closed(path, {"form_token": token}, Sec_Fetch_Site=site_of_it)
        assert answer.status == 403
    assert site.services.upload_list.counts(12) == before
    assert site.enqueued == []


def test_a_form_that_is_too_large_is_not_read(closed: Client) -> None:
    assert closed("/sign-in", {"secret": "x" * 100_000}).status == 413


@pytest.mark.parametrize("path", ["/", "/jobs/12", "/jobs/99", "/static/web.js", "/nowhere"])
def test_every_answer_tells_the_browser_to_trust_nothing_else(site: Site, path: str) -> None:
    add_sample(site.engine)
    with site.open() as ask:
        answer = ask(path)
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'; script-src 'self'; style-src 'self'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "same-origin"
    if answer.headers["content-type"].startswith("text/html"):
        assert " style=" not in answer.text
        assert "<script>" not in answer.text
        assert " onclick=" not in answer.text


def test_a_name_that_was_made_to_lead_to_the_loopback_gets_nothing(site: Site) -> None:
    with site.open(web_hosts=("pages.example",)) as ask:
        for name, status in {
            "evil.example": 421,
            "127.0.0.1.evil.example": 421,
            "": 421,
            "localhost:80": 200,
            "[::1]:80": 200,
            "pages.example": 200,
        }.items():
            connection = HTTPConnection(urlsplit(ask.address).netloc, timeout=20)
            connection.putrequest("GET", "/jobs", skip_host=True)
            connection.putheader("Host", name)
            connection.endheaders()
            assert connection.getresponse().status == status, name
            connection.close()


def test_only_the_loopback_is_served_without_a_password(site: Site) -> None:
    settings = site.services.settings
    for host in ("0.0.0.0", "::", "192.0.2.1", "pages.example"):
        with pytest.raises(InvalidSettings, match="ONEPREFIX_WEB_PASSWORD"):
            require_protected(settings, host)
        require_protected(settings.model_copy(update=SECRETS), host)
    for host in ("127.0.0.1", "localhost", "::1"):
        require_protected(settings, host)


def test_without_a_token_set_nobody_is_an_operator(site: Site) -> None:
    add_sample(site.engine)
    with site.open() as ask:
        for secret in ("", "None", "operator"):
            assert ask.sign_in(secret).status == 403
        token = token_of(ask("/sign-in"))
        assert ask("/jobs/12/runs/36/cancel", {"form_token": token}).status == 403
    assert site.services.upload_list.counts(12)[UploadState.CANCELLED] == 1


@pytest.mark.parametrize("to", ["//evil.example", "https://evil.example", "/\\evil", "jobs", ""])
def test_signing_in_leads_to_a_page_of_ours(site: Site, to: str) -> None:
    with site.open(**SECRETS) as ask:
        token = token_of(ask("/sign-in"))
        answer = ask("/sign-in", {"form_token": token, "secret": PASSWORD, "to": to})
    assert answer.headers["location"] == "/"


class TestCookies:
    gate = Gate(PASSWORD, TOKEN)

    def test_one_that_is_changed_is_none(self) -> None:
        cookie = self.gate.begin(Role.READER).cookie
        known = self.gate.session(cookie)
        assert known is not None
        assert known.role is Role.READER
        for forged in (
            cookie.replace("1.", "2.", 1),
            cookie[:-1],
            cookie + "0",
            "",
            "...",
            "2.9.x.é",
            "٢.1.x.y",
        ):
            assert self.gate.session(forged) is None, forged

    def test_one_that_is_old_is_none(self, monkeypatch: pytest.MonkeyPatch) -> None:
        cookie = self.gate.begin(Role.OPERATOR).cookie
        begun = int(cookie.split(".")[1])
        monkeypatch.setattr("web.sessions.time.time", lambda: begun + LIFETIME + 2)
        assert self.gate.session(cookie) is None

    def test_who_knows_the_password_alone_can_not_sign_as_an_operator(self) -> None:
        guess = Gate(PASSWORD, PASSWORD).begin(Role.OPERATOR).cookie
        assert self.gate.session(guess) is None

    def test_the_secrets_are_not_in_the_gates_text(self) -> None:
        assert PASSWORD not in repr(self.gate)
        assert COOKIE


def test_the_app_is_made_without_asking_anybody(site: Site) -> None:
    broken = site.services.settings.model_copy(
        update={"database_url": SecretStr("postgresql://ada@127.0.0.1:1/d")}
    )
    services = type(site.services)(broken)
    make_app(services, lambda *_: None, host="127.0.0.1")  # type: ignore[arg-type]
