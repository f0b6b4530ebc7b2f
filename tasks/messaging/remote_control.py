"""Check what a worker is told by remote control, and refuse what the setting does not allow.

Whoever reaches the broker can tell it: https://docs.celeryq.dev/en/stable/userguide/workers.html
"""

import logging
from typing import Annotated, Any, Literal

from kombu import Message, pidbox
from pydantic import BeforeValidator, Field

from tasks.messaging.protocol import Name, Strict, shallow
from tasks.messaging.queue_entry import first_problem, read_body

log = logging.getLogger(__name__)

#: What `celery inspect` and Flower ask for, with the older names of the same.
_INSPECTION = {
    *("active", "active_queues", "clock", "conf", "ping", "query_task", "registered", "report"),
    *("reserved", "revoked", "scheduled", "stats"),
    *("dump_active", "dump_conf", "dump_reserved", "dump_revoked", "dump_schedule", "dump_tasks"),
}
#: Flower sends `enable_events` again and again; events are on in any case.
_HARMLESS = {"enable_events", "heartbeat"}
#: The commands of `ONEPREFIX_REMOTE_CONTROL=revoke-only`.
REVOKE_ONLY = frozenset(_INSPECTION | _HARMLESS | {"revoke", "terminate"})

#: The largest integer that every reader of JSON has exactly.
MAX_CLOCK = 2**53


class ReplyTo(Strict):
    exchange: Name
    routing_key: Name


class Command(Strict):
    method: Name
    arguments: dict[str, Any] | None = None
    destination: list[Name] | None = None
    pattern: Name | None = None
    matcher: Literal["glob"] | None = None
    """No regular expression: matching one can take years."""
    ticket: Name | None = None
    reply_to: ReplyTo | None = None


class Clock(Strict):
    clock: Annotated[int, Field(ge=0, le=MAX_CLOCK)] | None = None


def _without_sig(signal: Any) -> Any:
    return signal.removeprefix("SIG") if isinstance(signal, str) else signal


class Revocation(Strict):
    task_id: Name | list[Name]
    signal: Annotated[
        Literal["TERM", "KILL", "INT", "QUIT", "USR1"] | None, BeforeValidator(_without_sig)
    ] = None
    """No SIGSTOP: the process would hold its place in the pool for ever."""


class StampsRevocation(Revocation):
    task_id: None = None  # type: ignore[assignment]
    headers: dict[str, Name | list[Name]] | list[Name]


class Hello(Strict):
    revoked: list[Name] | None = None


#: What must be true of a command's arguments so that they can't stop the worker later.
_ARGUMENTS: dict[str, type[Strict]] = {
    "revoke": Revocation,
    "terminate": Revocation,
    "revoke_by_stamped_headers": StampsRevocation,
    "hello": Hello,
}


class Node(pidbox.Node):
    """A worker's end of remote control. `allowed`: names of commands; None for all."""

    def __init__(self, *arguments: Any, allowed: frozenset[str] | None, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._allowed = allowed

    def handle_message(self, body: Any, message: Message | None = None) -> Any:
        problem = first_problem(lambda: self._require(body, message))
        if problem:
            log.error("a malformed command of remote control is ignored: %s", problem)
            return None
        return super().handle_message(body, message)

    def handle(self, method: str, arguments: Any = None) -> Any:
        if self._allowed is None or method in self._allowed:
            return super().handle(method, arguments)
        refused = f"{method} is refused: ONEPREFIX_REMOTE_CONTROL is revoke-only"
        log.warning("remote control: %s", refused)
        return {"error": refused}

    def _require(self, body: Any, message: Message | None) -> None:
        """Raise ValueError unless kombu and Celery can act on the command."""
        command = Command.model_validate(shallow(body))
        if message:
            read_body(message.body)
            Clock.model_validate(message.headers)
        if command.method in _ARGUMENTS:
            _ARGUMENTS[command.method].model_validate(command.arguments or {})
        mailbox: Any = self.mailbox
        if command.reply_to and command.reply_to.exchange != mailbox.reply_exchange.name:
            raise ValueError("its reply would be a message to others")
