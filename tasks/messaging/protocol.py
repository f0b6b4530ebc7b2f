"""The fields of a message, with the types and limits on which kombu, Celery and the tasks rely.

The message protocol: https://docs.celeryq.dev/en/stable/internals/protocol.html
"""

from base64 import b64decode
from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any, Literal

from celery.utils.time import maybe_iso8601
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
)

from worker.models.upload_request import MAX_SECONDS
from worker.models.validation import utc

#: Lists and dictionaries within each other.
MAX_DEPTH = 32
#: Characters of an id or a name.
MAX_NAME = 255


def _printable(text: str) -> str:
    """PostgreSQL stores no NUL, and a line feed would forge lines of the log."""
    if not text.isprintable():
        raise ValueError("has characters that can't be printed")
    return text


def _iso_time(value: Any) -> Any:
    """The time, which Celery, Python and every database must be able to read."""
    if isinstance(value, str):
        try:
            utc(datetime.fromisoformat(value))
            maybe_iso8601(value)
        except (ValueError, OverflowError):
            raise ValueError("is no time in ISO 8601") from None
    return value


def _base64(value: Any) -> Any:
    if isinstance(value, str):
        b64decode(value, validate=True)
    return value


def shallow(value: Any) -> Any:
    """The value, whose levels are counted without recursion."""
    level = _containers([value])
    for _ in range(MAX_DEPTH):
        level = [child for each in level for child in _containers(_members(each))]
    if level:
        raise ValueError(f"it is nested more than {MAX_DEPTH} deep")
    return value


def _containers(values: Iterable[Any]) -> list[Any]:
    return [value for value in values if isinstance(value, dict | list | tuple)]


def _members(container: Any) -> Iterable[Any]:
    return container.values() if isinstance(container, dict) else container


Name = Annotated[str, Field(max_length=MAX_NAME), AfterValidator(_printable)]
Time = Annotated[str | None, BeforeValidator(_iso_time)]
Seconds = Annotated[float, Field(ge=0, le=MAX_SECONDS)]


class Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore")


class DeliveryInfo(Strict):
    exchange: str
    routing_key: str


class Properties(Strict):
    """Those by which kombu delivers an entry of Redis or Valkey."""

    delivery_info: DeliveryInfo
    delivery_tag: Name
    body_encoding: Literal["base64"]
    priority: int | None = None
    reply_to: Name | None = None
    correlation_id: Name | None = None


class Envelope(Strict):
    """An entry of Redis or Valkey, as far as kombu reads it to deliver it."""

    body: Annotated[str, BeforeValidator(_base64)]
    content_type: Any = Field(None, alias="content-type")
    content_encoding: str | None = Field(None, alias="content-encoding")
    headers: Annotated[dict[str, Any], BeforeValidator(shallow)]
    properties: Properties


class Headers(Strict):
    task: Annotated[Name, Field(min_length=1)]
    id: Annotated[Name, Field(min_length=1)]
    lang: str | None = None
    root_id: Name | None = None
    parent_id: Name | None = None
    group: Name | None = None
    group_index: int | None = None
    eta: Time = None
    expires: Time = None
    retries: Annotated[int, Field(ge=0)] | None = None
    timelimit: Annotated[list[Seconds | None], Field(min_length=2, max_length=2)] | None = None
    argsrepr: str | None = None
    kwargsrepr: str | None = None
    origin: str | None = None
    shadow: Name | None = None
    ignore_result: bool | None = None
    replaced_task_nesting: int | None = None
    headers: dict[str, Any] | None = None
    stamps: dict[str, Any] | None = None
    stamped_headers: list[str] | None = None
    compression: None = None
    """Refused: a kilobyte would become a gigabyte before anybody could look at it."""


class Content(Strict):
    """What every broker tells of a task's message besides its body."""

    content_type: Literal["application/json"]
    content_encoding: str | None
    headers: Annotated[Headers, BeforeValidator(shallow)]


class Embedded(Strict):
    """What is to follow. Celery would let any other name replace a header."""

    model_config = ConfigDict(strict=True, extra="forbid")

    callbacks: list[dict[str, Any]] | None = None
    errbacks: list[dict[str, Any]] | None = None
    chain: list[dict[str, Any]] | None = None
    chord: dict[str, Any] | None = None


class Body(Strict):
    arguments: list[Any]
    keywords: dict[str, Any]
    embedded: Embedded
