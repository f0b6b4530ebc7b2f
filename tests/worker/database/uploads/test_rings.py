"""Messages that ring for rows: none makes, renews or fails one."""

from collections.abc import Callable

import pytest
from sqlalchemy import Engine, text

from worker.database.uploads.attempts import SqlUploadRepository
from worker.database.uploads.requests import SqlRequestRepository
from worker.errors import InvalidRequest
from worker.models.upload import Upload
from worker.models.upload_request import Refusal, UploadMessage, UploadRequest
from worker.use_cases.requests.rings import Rings

REQUEST = UploadRequest(12, 4, "/r/RUN4", task_id="first")
MESSAGES = [
    UploadRequest(12, 4, "/r/RUN4", task_id="second"),
    UploadRequest(12, 4, "/r/RUN5", task_id="second"),
    UploadRequest(12, 4, "/r/RUN4", replace=True, task_id="second", not_before=-1.0),
]


@pytest.fixture
def requests(engine: Engine) -> SqlRequestRepository:
    return SqlRequestRepository(engine)


def scalar(engine: Engine, query: str) -> object:
    with engine.begin() as connection:
        return connection.scalar(text(query))


def test_a_message_without_a_row_is_refused_and_leaves_none(
    engine: Engine, requests: SqlRequestRepository
) -> None:
    rings = Rings(requests)
    with pytest.raises(InvalidRequest, match="job 12, run 4: a message without a row") as error:
        rings.request(REQUEST, published=True)
    assert error.value.recorded
    rings.refuse(Refusal.of(UploadMessage("t", 12, 4, "etc"), "it makes no request"))
    assert scalar(engine, "SELECT count(*) FROM uploads") == 0


def failed(uploads: SqlUploadRepository) -> None:
    held = uploads.claim(12, 4, owner="me", lease=60)
    assert held
    uploads.fail(held, error="it can't be", traceback="")


def waiting(_: SqlUploadRepository) -> None:
    pass


@pytest.mark.parametrize("bring", [waiting, failed])
@pytest.mark.parametrize("message", MESSAGES, ids=["same", "another path", "replacing"])
def test_a_row_stays_as_it_is(
    engine: Engine,
    requests: SqlRequestRepository,
    bring: Callable[[SqlUploadRepository], None],
    message: UploadRequest,
) -> None:
    requests.request(REQUEST, published=False)
    bring(SqlUploadRepository(engine))
    before = requests.ring(REQUEST)
    assert isinstance(before, Upload)
    assert Rings(requests).request(message, published=True) == before
    assert requests.ring(REQUEST) == before
    assert scalar(engine, "SELECT published_at FROM uploads") is None


def test_what_the_message_wants_to_follow_is_kept(
    engine: Engine, requests: SqlRequestRepository
) -> None:
    requests.request(REQUEST, published=False)
    message = UploadRequest(12, 4, "/r/RUN4", task_id="second", follow_up='{"link": []}')
    Rings(requests).request(message, published=True)
    assert scalar(engine, "SELECT task_id FROM follow_ups") == "second"
