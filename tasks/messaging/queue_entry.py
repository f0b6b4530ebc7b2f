"""Check that a queue entry is a message that kombu and Celery can act on.

The message protocol: https://docs.celeryq.dev/en/stable/internals/protocol.html
"""

from base64 import b64decode
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError


def _iso_time(value: Any) -> Any:
    if isinstance(value, str):
        datetime.fromisoformat(value)
    return value


def _base64(value: Any) -> Any:
    if isinstance(value, str):
        b64decode(value, validate=True)
    return value


Time = Annotated[str | None, BeforeValidator(_iso_time)]


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore")


class DeliveryInfo(_Strict):
    exchange: str
    routing_key: str


class Properties(_Strict):
    delivery_info: DeliveryInfo
    delivery_tag: str
    body_encoding: Literal["base64"]
    priority: int | None = None
    reply_to: str | None = None
    correlation_id: str | None = None


class Headers(_Strict):
    task: str
    id: str
    lang: str | None = None
    root_id: str | None = None
    parent_id: str | None = None
    group: str | None = None
    eta: Time = None
    expires: Time = None
    retries: int | None = None
    timelimit: list[float | None] | None = Field(None, min_length=2, max_length=2)
    argsrepr: str | None = None
    kwargsrepr: str | None = None
    origin: str | None = None
    shadow: str | None = None
    compression: str | None = None
    stamps: dict[str, Any] | None = None
    stamped_headers: list[str] | None = None


class QueueEntry(_Strict):
    body: Annotated[str, BeforeValidator(_base64)]
    content_type: str = Field(alias="content-type")
    content_encoding: str = Field(alias="content-encoding")
    headers: Headers
    properties: Properties


def problem_with(entry: bytes) -> str | None:
    """Why the entry is no message, in one line; None if it is one."""
    try:
        QueueEntry.model_validate_json(entry)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        return f"{'.'.join(map(str, first['loc'])) or 'it'}: {first['msg']}"
    return None
