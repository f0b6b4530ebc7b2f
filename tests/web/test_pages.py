"""Every page, over rows of each kind of database."""

import pytest

from tests.web.conftest import Site
from tests.web.sample import HOSTILE, add_sample
from worker.models.upload_request import Refusal

PAGES = ["/", "/jobs", "/uploads", "/jobs/12", "/jobs/12/timeline", "/jobs/12/runs/36"]


@pytest.mark.parametrize("path", PAGES)
def test_a_page_shows_what_the_rows_say_also_after_a_restart(site: Site, path: str) -> None:
    add_sample(site.engine)
    with site.open() as ask:
        before = ask(path)
    with site.open() as ask:
        after = ask(path)
    assert before.status == after.status == 200
    assert after.headers["content-type"] == "text/html; charset=utf-8"
    assert "Job 12" in after.text or ">12<" in after.text


def test_the_page_of_a_job_counts_its_runs_by_state_and_lists_each(site: Site) -> None:
    add_sample(site.engine)
    with site.open() as ask:
        page = ask("/jobs/12").text
    assert "<b>24</b> of 40 runs landed, 1 deleted since" in page
    assert page.count('<tr id="r-') == 40
    assert f"s3://{site.services.bucket.name}/jobs/12/2025/10/23/211500/" in page
    assert "lies outside the results roots" in page
    assert HOSTILE not in page
    assert "<script>alert" not in page
    assert r"\x1b[31m\u202efdp.exe" in page


def test_a_run_alone_leads_to_its_job(site: Site) -> None:
    add_sample(site.engine)
    with site.open() as ask:
        answer = ask("/runs/36")
        page = ask(answer.headers["location"]).text
    assert answer.headers["location"] == "/jobs/12/runs/36"
    assert "Attempts" in page
    assert page.count("TreeChanged: RUN17/fields") >= 20


def test_a_run_that_was_deleted_or_never_asked_for_says_so(site: Site) -> None:
    add_sample(site.engine)
    with site.open() as ask:
        deleted, unrequested = ask("/jobs/12/runs/39").text, ask("/jobs/12/runs/40").text
    assert "deleted by ada@solver-3" in deleted
    assert "DELETED" in deleted
    assert "<code>oneprefix enqueue 12 40 PATH</code>" in unrequested


def test_refused_messages_are_told_on_the_first_page(site: Site) -> None:
    site.services.requests.refuse(Refusal(None, None, "?", f"job 'x', run 'y': {HOSTILE}"))
    with site.open() as ask:
        page = ask("/").text
    assert "Refused messages" in page
    assert "<script>alert" not in page


def test_the_metrics_are_those_of_the_command(site: Site) -> None:
    add_sample(site.engine)
    with site.open() as ask:
        answer = ask("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert 'oneprefix_uploads{state="UPLOADING"} 5.0' in answer.text
