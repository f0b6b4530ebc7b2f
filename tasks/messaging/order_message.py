"""What the messages of orders about whole jobs are called, and what they say."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

from tasks.messaging.follow_up import follow_up_of
from worker.models.order import OrderMessage
from worker.models.validation import utc

#: The queue of orders, apart from that of uploads.
QUEUE = "oneprefix.orders"
#: The kinds of orders by the names of their tasks, on which foreign producers rely.
KINDS = {
    f"tasks.{kind}_job": kind for kind in ("verify", "archive", "restore", "delete", "migrate")
}
#: The header that tells when an order was given, in ISO 8601.
GIVEN_AT = "given_at"


def order_message(
    task: str, arguments: Any, keywords: Any, headers: Mapping[str, Any], *, results: bool
) -> OrderMessage:
    """The content of the message of a task among `KINDS`. `headers`: also what is to follow.

    The order is given when its message says so, or for the time for which that asks.
    """
    own = headers.get("headers") or headers
    given_at = _time(own.get(GIVEN_AT)) or _time(headers.get("eta"))
    return OrderMessage(
        id=str(headers["id"]),
        kind=KINDS[task],
        arguments=tuple(arguments or ()),
        keywords=dict(keywords or {}),
        given_at=given_at,
        follow_up=follow_up_of(headers, results=results),
    )


def _time(told: Any) -> datetime | None:
    """The time; None for what is none, so that the order counts as given when it arrived."""
    with suppress(ValueError, TypeError, OverflowError):
        return utc(datetime.fromisoformat(told))
    return None
