"""Errors as an answer: one plain sentence and the status code that fits."""

from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, Response

from web.rendering import rendered
from worker.errors import (
    ArtifactArchived,
    ArtifactNotFound,
    ArtifactReplaced,
    InvalidArchive,
    InvalidRequest,
    JobNotFound,
    JobUnusable,
    MemberNotFound,
    OneprefixError,
    RunNotFound,
    RunNotInJob,
    TransientError,
)

_STATUS: list[tuple[type[OneprefixError], HTTPStatus]] = [
    (JobNotFound, HTTPStatus.NOT_FOUND),
    (RunNotFound, HTTPStatus.NOT_FOUND),
    (RunNotInJob, HTTPStatus.NOT_FOUND),
    (ArtifactNotFound, HTTPStatus.NOT_FOUND),
    (MemberNotFound, HTTPStatus.NOT_FOUND),
    (InvalidRequest, HTTPStatus.BAD_REQUEST),
    (ArtifactArchived, HTTPStatus.CONFLICT),
    (ArtifactReplaced, HTTPStatus.CONFLICT),
    (JobUnusable, HTTPStatus.CONFLICT),
    (InvalidArchive, HTTPStatus.UNPROCESSABLE_ENTITY),
    (TransientError, HTTPStatus.SERVICE_UNAVAILABLE),
]


async def of_oneprefix(request: Request, error: Exception) -> Response:
    """A OneprefixError as a page, or as JSON."""
    statuses = (status for kind, status in _STATUS if isinstance(error, kind))
    # what the database or the bucket refuses is not the reader's fault
    return refusal(request, next(statuses, HTTPStatus.BAD_GATEWAY), str(error))


async def of_http(request: Request, error: Exception) -> Response:
    """An unknown path or method."""
    status = HTTPStatus(error.status_code if isinstance(error, HTTPException) else 500)
    told = "There is no such page." if status == HTTPStatus.NOT_FOUND else f"{status.phrase}."
    return refusal(request, status, told)


async def of_defect(request: Request, _error: Exception) -> Response:
    """A defect of ours, whose text may hold a secret: the log has its traceback."""
    told = "The page could not be made: a defect, which the log of `oneprefix web` describes."
    return refusal(request, HTTPStatus.INTERNAL_SERVER_ERROR, told)


def refusal(connection: HTTPConnection, status: HTTPStatus, sentence: str) -> Response:
    """The sentence as a page, or as JSON for who asks for a format or sends a secret."""
    headers = {"Retry-After": "5"} if status == HTTPStatus.SERVICE_UNAVAILABLE else {}
    if status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    if "format" in connection.query_params or "authorization" in connection.headers:
        return JSONResponse({"error": sentence, "status": status.value}, status, headers)
    return rendered(
        connection,
        "error.html",
        status=status.value,
        headers=headers,
        code=status.value,
        title=status.phrase,
        sentence=sentence,
    )
