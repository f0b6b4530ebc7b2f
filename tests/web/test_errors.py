"""What a page says when something is missing, away or asked wrongly."""

import json

import pytest
from pydantic import SecretStr

from tests.web.conftest import Site
from tests.web.sample import HOSTILE, add_sample

NOWHERE = "postgresql://ada:Canary4711@127.0.0.1:1/d"


@pytest.mark.parametrize(
    ("path", "status", "told"),
    [
        ("/jobs/99", 404, "job 99: there is no such job"),
        ("/jobs/99/timeline", 404, "job 99: there is no such job"),
        ("/jobs/99/artifacts", 404, "job 99: there is no such job"),
        ("/jobs/12/runs/99", 404, "run 99: there is no such run"),
        ("/jobs/13/runs/40", 404, "job 13, run 40: the run belongs to job 12"),
        ("/runs/99", 404, "run 99: there is no such run"),
        ("/jobs/0", 400, "job id must be a whole number from 1"),
        ("/jobs/x", 400, "job id must be a whole number from 1"),
        ("/jobs/99999999999999999999", 400, "job id must be a whole number"),
        ("/jobs/12?state=nonsense", 400, "state is one of waiting, REQUESTED"),
        ("/jobs/12?age=1y", 400, "age is one of 1m, 10m"),
        ("/jobs/12?page=0", 400, "page must be a whole number from 1"),
        ("/uploads?job=one", 400, "job id must be a whole number"),
        ("/nowhere", 404, "There is no such page."),
    ],
)
def test_what_is_not_there_or_asked_wrongly_is_told_in_a_sentence(
    site: Site, path: str, status: int, told: str
) -> None:
    add_sample(site.engine)
    with site.open() as ask:
        page = ask(path)
        as_json = ask(path + ("&" if "?" in path else "?") + "format=json")
    assert page.status == as_json.status == status
    assert told in page.text
    assert told in as_json.json["error"]
    assert as_json.json["status"] == status


def test_an_unknown_format_is_refused(site: Site) -> None:
    with site.open() as ask:
        assert ask("/uploads?format=xml").status == 400


def test_a_database_that_is_away_is_told_without_its_password(site: Site) -> None:
    with site.open(database_url=SecretStr(NOWHERE)) as ask:
        answer = ask("/jobs/12")
        as_json = ask("/jobs/12?format=json")
    assert answer.status == as_json.status == 503
    assert "the database is unavailable" in answer.text
    assert "Canary4711" not in answer.text + as_json.text
    assert as_json.headers["retry-after"]


def test_a_bucket_that_refuses_or_is_away_is_told(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_sample(site.engine)
    with site.open(s3_bucket="nobodys-bucket") as ask:
        assert ask("/jobs/12/artifacts").status == 502
        assert "NoSuchBucket" in ask("/jobs/12/artifacts").text
    with site.open(s3_bucket=None) as ask:
        assert ask("/jobs/12").status == 200
        assert ask("/jobs/12/artifacts").status == 502
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:1")
    with site.open() as ask:
        assert ask("/jobs/12/artifacts").status == 503
        assert ask("/jobs/12").status == 200


def test_a_defect_says_nothing_of_itself(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a secret")

    monkeypatch.setattr("web.pages.job.summary_of", broken)
    with site.open() as ask:
        answer = ask("/jobs/12")
    assert answer.status == 500
    assert "a secret" not in answer.text
    assert answer.headers["content-security-policy"]


TABLES = ["/", "/jobs", "/uploads", "/jobs/12", "/jobs/12/timeline", "/jobs/12/runs/36"]


@pytest.mark.parametrize("path", TABLES)
def test_every_table_is_there_as_csv_and_as_json(site: Site, path: str) -> None:
    add_sample(site.engine)
    with site.open() as ask:
        as_csv, as_json = ask(f"{path}?format=csv"), ask(f"{path}?format=json")
    assert as_csv.headers["content-type"] == "text/csv; charset=utf-8"
    assert as_json.headers["content-type"] == "application/json"
    rows = as_json.json
    header = as_csv.text.splitlines()[0].split(",")
    assert all(list(row) == header for row in rows)
    assert as_csv.text.count("\r\n") == len(rows) + 1


def test_a_table_in_csv_has_all_rows_and_none_that_a_spreadsheet_runs(site: Site) -> None:
    add_sample(site.engine)
    with site.open() as ask:
        found = ask("/jobs/12?format=csv").text
        rows = ask("/jobs/12?format=json").json
        failed = ask("/jobs/12?format=json&state=FAILED").json
    assert [row["run_id"] for row in rows] == list(range(1, 41))
    assert [row["run_id"] for row in failed] == [35, 36, 37]
    assert rows[36]["reason"] == HOSTILE
    assert "\"'=cmd|" in found
    assert ',"=cmd' not in found
    assert ",=cmd" not in found


def test_a_page_has_some_rows_and_leads_to_the_next(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("web.query", "web.pages.job", "web.pages.uploads"):
        monkeypatch.setattr(f"{module}.PAGE", 15)
    add_sample(site.engine)
    with site.open() as ask:
        first, last = ask("/jobs/12"), ask("/jobs/12?page=3")
        every = ask("/jobs/12?format=json").json
        listed = ask("/uploads?page=2&state=LANDED").text
    assert first.text.count('<tr id="r-') == 15
    assert (
        first.text.index('id="r-25"')
        < first.text.index('id="r-30"')
        < first.text.index('id="r-35"')
    )
    assert 'rel="next" href="/jobs/12?page=2"' in first.text
    assert last.text.count('<tr id="r-') == 10
    assert 'rel="next"' not in last.text
    assert len(every) == 40
    assert listed.count('<tr id="u-') == 10


@pytest.mark.parametrize(
    ("query", "runs"),
    [
        ("state=UPLOADING", [25, 26, 27, 28, 29]),
        ("state=waiting", [30, 31, 32, 33, 34]),
        ("state=unrequested", [40]),
        ("state=unrequested&age=1m", [40]),
        ("state=FAILED&age=10m", [35, 36, 37]),
        ("age=1h", [36, *range(1, 16)]),
        ("state=&age=&page=", list(range(1, 41))),
    ],
)
def test_filters_take_runs_by_state_and_age(site: Site, query: str, runs: list[int]) -> None:
    add_sample(site.engine)
    with site.open() as ask:
        found = ask(f"/jobs/12?format=json&{query}").json
    assert sorted(row["run_id"] for row in found) == sorted(runs)


def test_an_installation_without_jobs_says_what_to_do(site: Site) -> None:
    with site.open() as ask:
        page = ask("/").text
        assert json.loads(ask("/jobs?format=json").text) == []
    assert "There are no jobs yet." in page
    assert "oneprefix enqueue JOB RUN PATH" in page
