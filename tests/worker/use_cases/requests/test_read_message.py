"""A message makes a request, or leaves a refusal that tells why not."""

import pytest

from tests.fakes.uploads import FakeDatabase, FakeRequests
from worker.errors import InvalidId, InvalidRequest
from worker.models.upload_request import UploadMessage, UploadRequest
from worker.use_cases.requests.read_message import ReadMessage


@pytest.fixture
def database() -> FakeDatabase:
    return FakeDatabase()


@pytest.fixture
def read_message(database: FakeDatabase) -> ReadMessage:
    return ReadMessage(FakeRequests(database))


def test_a_message_makes_the_request_that_it_asks_for(
    database: FakeDatabase, read_message: ReadMessage
) -> None:
    message = UploadMessage("sent", 12, 4, "/r/RUN4", replace=True)
    assert read_message(message) == UploadRequest(12, 4, "/r/RUN4", replace=True, task_id="sent")
    assert (database.rows, database.refusals) == ({}, [])


@pytest.mark.parametrize(
    ("message", "kind", "says"),
    [
        (UploadMessage("sent", "12", 4, "/r"), InvalidId, "job id must be a positive integer"),
        (UploadMessage("sent", 12, 4, "RUN4"), InvalidRequest, "path is not absolute"),
        (
            UploadMessage("sent", 12, 4, "/r", "yes"),
            InvalidRequest,
            "replace must be true or false",
        ),
    ],
    ids=["id", "path", "replace"],
)
def test_a_message_that_makes_no_request_leaves_a_refusal(
    database: FakeDatabase,
    read_message: ReadMessage,
    message: UploadMessage,
    kind: type[InvalidRequest],
    says: str,
) -> None:
    with pytest.raises(kind, match=says) as error:
        read_message(message)
    [refusal] = database.refusals
    assert says in refusal.reason
    assert refusal.task_id == "sent"
    assert error.value.message == refusal.reason
    assert error.value.recorded
