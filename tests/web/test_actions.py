"""What an operator does, and what the rows say afterwards."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.web.client import Answer, Client, token_of
from tests.web.conftest import TOKEN, Site
from tests.web.sample import add_sample
from tests.web.test_guard import SECRETS
from worker.models.upload import Upload, UploadState


@dataclass(frozen=True)
class Operator:
    ask: Client
    site: Site

    def post(self, path: str, /, **form: str) -> Answer:
        token = token_of(self.ask("/jobs/12"))
        return self.ask(path, {"form_token": token, **form})

    def row(self, run_id: int) -> Upload:
        found = self.site.services.upload_list.find(12, run_id)
        assert found
        return found


@pytest.fixture
def operator(site: Site) -> Iterator[Operator]:
    add_sample(site.engine)
    with site.open(**SECRETS) as ask:
        ask.sign_in(TOKEN)
        yield Operator(ask, site)


def test_a_failed_run_is_retried_with_its_own_path(operator: Operator) -> None:
    answer = operator.post("/jobs/12/runs/36/retry")
    assert answer.headers["location"] == "/jobs/12/runs/36?done=requested-1-0"
    assert operator.site.enqueued == [(12, 36, "/results/job_12/RUN36", False)]
    assert operator.row(36).state is UploadState.REQUESTED
    assert "1 upload requested." in operator.ask(answer.headers["location"]).text


def test_all_failed_runs_of_a_job_are_retried(operator: Operator) -> None:
    answer = operator.post("/jobs/12/retry")
    assert answer.headers["location"] == "/jobs/12?done=requested-3-0"
    assert [run for _, run, _, _ in operator.site.enqueued] == [35, 36, 37]


def test_a_run_is_cancelled_with_who_did_it(operator: Operator) -> None:
    assert operator.post("/jobs/12/runs/26/cancel").status == 303
    row = operator.row(26)
    assert row.state is UploadState.CANCELLED
    assert row.error == "cancelled by an operator of the web page, from 127.0.0.1"


def test_what_is_not_over_of_a_job_is_cancelled_once_that_is_confirmed(operator: Operator) -> None:
    asked = operator.post("/jobs/12/cancel")
    assert asked.status == 200
    assert "Cancel 10 uploads of job 12?" in asked.text
    assert operator.row(26).state is UploadState.UPLOADING
    done = operator.post("/jobs/12/cancel", confirmed="yes")
    assert done.headers["location"] == "/jobs/12?done=cancelled-10-0"
    counts = operator.site.services.upload_list.counts(12)
    assert counts == {UploadState.LANDED: 25, UploadState.FAILED: 3, UploadState.CANCELLED: 11}


def test_a_landed_run_is_enqueued_again_to_replace_it(operator: Operator) -> None:
    assert operator.post("/jobs/12/runs/4/enqueue").status == 303
    assert operator.site.enqueued == [(12, 4, "/results/job_12/RUN4", True)]
    assert operator.row(4).state is UploadState.REQUESTED


def test_a_run_that_nobody_has_asked_for_is_enqueued_with_a_path(operator: Operator) -> None:
    assert operator.post("/jobs/12/runs/40/enqueue").status == 400
    refused = operator.post("/jobs/12/runs/40/enqueue", path="relative/../<b>")
    assert refused.status == 400
    assert "path is not absolute" in refused.text
    assert "<b>" not in refused.text.partition("<main")[2]
    assert operator.post("/jobs/12/runs/40/enqueue", path="/results/RUN40").status == 303
    assert operator.row(40).path == "/results/RUN40"


@pytest.mark.parametrize("act", ["retry", "cancel", "enqueue"])
def test_a_run_of_another_job_is_left_alone(operator: Operator, act: str) -> None:
    add_sample(operator.site.engine, 13)
    answer = operator.post(f"/jobs/12/runs/1340/{act}", path="/results/RUN1340")
    assert answer.status == (404 if act == "enqueue" else 303)
    assert operator.site.enqueued == []
    counts = operator.site.services.upload_list.counts(13)
    assert counts[UploadState.CANCELLED] == 1


@pytest.mark.parametrize(
    "told", ["<b>-1-0", "requested-x-0", "requested-1-0<b>", "landed-1-0", "-"]
)
def test_a_link_can_not_put_words_into_a_page(operator: Operator, told: str) -> None:
    assert 'class="done"' not in operator.ask(f"/jobs/12?done={told}").text
