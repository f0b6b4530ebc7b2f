"""Check that what a broker delivers is a message that kombu, Celery and the tasks can act on."""

from base64 import b64decode
from collections.abc import Callable, Mapping
from typing import Any

from kombu import Message
from kombu.exceptions import DecodeError
from kombu.serialization import loads
from kombu.utils.json import dumps
from pydantic import ValidationError

from tasks.messaging.protocol import MAX_NAME, Body, Content, Envelope, shallow

JSON = "application/json"
#: The body of a message; that of an upload has some 200 bytes.
MAX_BYTES = 64 * 1024
#: An entry of Redis or Valkey, whose body is base64.
MAX_ENTRY_BYTES = 2 * MAX_BYTES


def problem_with(entry: bytes) -> str | None:
    """Why the entry of Redis or Valkey is no task's message, in one line; None if it is one."""
    return first_problem(lambda: _require_task(_envelope(entry)))


def problem_with_envelope(entry: bytes) -> str | None:
    """Why kombu could not deliver the entry, whatever it is about; None if it could."""
    return first_problem(lambda: _envelope(entry))


def problem_with_delivery(delivery: bytes) -> str | None:
    """Why an unacknowledged delivery, as kombu keeps it, is no task's message."""

    def require() -> None:
        kept = _read(delivery)
        if not (isinstance(kept, list) and len(kept) == 3 and isinstance(kept[0], dict)):
            raise ValueError("it is no message with its exchange and routing key")
        _require_task(_envelope(dumps(kept[0]).encode()))

    return first_problem(require)


def problem_with_message(message: Message) -> str | None:
    """Why a message that kombu has read, from any broker, is no task's message."""
    return first_problem(
        lambda: _require(
            message.content_type, message.content_encoding, message.headers, message.body
        )
    )


def read_body(body: Any) -> Any:
    """What JSON of limited size and depth says; raises ValueError."""
    if len(body or b"") > MAX_BYTES:
        raise ValueError(f"the body has {len(body)} bytes, more than {MAX_BYTES}")
    return shallow(_read(body))


def _require_task(envelope: Envelope) -> None:
    body = b64decode(envelope.body)
    _require(envelope.content_type, envelope.content_encoding, envelope.headers, body)


def _require(content_type: Any, encoding: Any, headers: Mapping[str, Any], body: Any) -> None:
    told = {"content_type": content_type, "content_encoding": encoding, "headers": headers}
    Content.model_validate(told)
    parts = read_body(body)
    if not (isinstance(parts, list) and len(parts) == 3):
        raise ValueError("the body does not have three parts: arguments, keywords, what follows")
    Body.model_validate(dict(zip(Body.model_fields, parts, strict=True)))


def _envelope(entry: bytes) -> Envelope:
    if len(entry) > MAX_ENTRY_BYTES:
        raise ValueError(f"it has {len(entry)} bytes, more than {MAX_ENTRY_BYTES}")
    return Envelope.model_validate(_read(entry))


def _read(text: Any) -> Any:
    """What the JSON says, with kombu's own types in it, as Celery will read it."""
    try:
        return loads(text, JSON, "utf-8", accept={JSON})
    except DecodeError:
        raise ValueError("this is no JSON") from None


def first_problem(require: Callable[[], object]) -> str | None:
    """What `require` raises for a value that is none, in one line; None if it raises nothing."""
    try:
        require()
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        return _one_line(f"{'.'.join(map(str, first['loc'])) or 'it'}: {first['msg']}")
    except (ValueError, TypeError, RecursionError) as error:
        return _one_line(str(error))
    return None


def _one_line(text: str) -> str:
    """The text, which may hold names that a hostile program chose."""
    return text.encode("unicode_escape").decode()[:MAX_NAME]
