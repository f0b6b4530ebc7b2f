"""`oneprefix web` beside a worker, with the rights that compose gives it."""

import os
from collections.abc import Iterator

import pytest

from tests.cli.command import ONEPREFIX, Command
from tests.end_to_end.cluster import Cluster, eventually
from tests.end_to_end.test_least_rights import forbidden, make_run
from tests.servers.faults import AnswerError
from tests.servers.postgres import with_least_rights
from tests.servers.processes import running as server
from tests.web.client import Client, token_of
from worker.models.upload import UploadState

PASSWORD, TOKEN = "password-of-the-tests", "token-of-the-tests"
PAGES = ["/", "/jobs", "/uploads", "/jobs/12", "/jobs/12/timeline", "/jobs/12/runs/4"]
OF_S3 = [
    "/jobs/12/artifacts",
    "/jobs/12/runs/4/files",
    "/jobs/12/runs/4/file?name=RUN4/out.csv",
]


@pytest.fixture
def ask(running: Cluster) -> Iterator[Client]:
    owners = running.engine.url.render_as_string(hide_password=False)
    environment = running.environment | {
        "ONEPREFIX_DATABASE_URL": with_least_rights(owners, "reader", "producer"),
        "ONEPREFIX_BROKER_URL": running.broker.url("web"),
        "ONEPREFIX_WEB_PASSWORD": PASSWORD,
        "ONEPREFIX_WEB_OPERATOR_TOKEN": TOKEN,
        "PATH": os.environ["PATH"],
    }
    with server([*ONEPREFIX, "web", "--port", "0"], environment) as address:
        yield Client(address)


@pytest.mark.thorough("starts a worker and the pages beside it")
def test_the_pages_need_the_rights_of_reader_and_producer_alone(
    running: Cluster, ask: Client
) -> None:
    running.start_worker()
    running.send(12, 4, make_run(running, 4, 1000))
    running.wait_for(12, 4)
    running.send(12, 5, str(running.results / "RUN5"))
    running.wait_for(12, 5, UploadState.FAILED)
    make_run(running, 5, 1000)

    ask.sign_in(TOKEN)
    eventually(lambda: "1 worker alive" in ask("/").text, "the worker is seen")
    page = ask("/jobs/12/runs/5")
    retried = ask("/jobs/12/runs/5/retry", {"form_token": token_of(page)})
    assert retried.headers["location"] == "/jobs/12/runs/5?done=requested-1-0"
    running.wait_for(12, 5)
    token = token_of(ask("/jobs/12/runs/6"))
    missing = str(running.results / "RUN6")
    asked = ask("/jobs/12/runs/6/enqueue", {"form_token": token, "path": missing})
    assert asked.status == 303
    assert ask("/jobs/12/runs/6/cancel", {"form_token": token}).status == 303
    assert running.wait_for(12, 6, UploadState.CANCELLED, UploadState.FAILED)

    running.strict.proxy.fault(forbidden(running, "reader"), AnswerError(403, "AccessDenied"))
    for path in [*PAGES, *OF_S3]:
        assert ask(path).status == 200, path
    assert ask("/jobs/12/runs/4/download").status == 302


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--host", "0.0.0.0"], "0.0.0.0 may be reached by others: set ONEPREFIX_WEB_PASSWORD"),
        (["--host", "192.0.2.1"], "set ONEPREFIX_WEB_PASSWORD"),
    ],
)
def test_an_address_that_others_reach_is_refused_without_a_password(
    running: Cluster, options: list[str], told: str
) -> None:
    answer = Command(running.directory, running.environment)("web", *options)
    assert answer.code == 1
    assert told in answer.err
    assert answer.err.count("\n") == 1
