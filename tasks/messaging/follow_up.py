"""What a message wants to happen after its task, kept as JSON with the upload's row.

Celery's own retries keep it in the message. Ours end the message, and publish another one later.
"""

from collections.abc import Mapping
from functools import cache
from inspect import signature
from typing import Any

from celery import Celery
from celery.app.amqp import AMQP
from kombu.utils.json import dumps, loads

#: The names of a message's contents, and those of `send_task`'s options that make them.
_FOLLOWING = {
    "callbacks": "link",
    "errbacks": "link_error",
    "chain": "chain",
    "chord": "chord",
}
_BESIDE = {
    "group": "group_id",
    "group_index": "group_index",
    "root_id": "root_id",
    "parent_id": "parent_id",
    "reply_to": "reply_to",
    "shadow": "shadow",
    "stamped_headers": "stamped_headers",
    "ignore_result": "ignore_result",
    "replaced_task_nesting": "replaced_task_nesting",
}


def follow_up_of(asked: Mapping[str, Any], *, results: bool) -> str | None:
    """What is to follow, from a message's headers and embedded signatures; None if nothing is.

    With `results`, a result follows, unless the message wants none.
    """
    following = _options(asked, _FOLLOWING)
    wants_result = results and not asked.get("ignore_result")
    if not (following or wants_result):
        return None
    stamps = asked.get("stamps") or {}
    return dumps(following | _options(asked, _BESIDE) | {"stamps": stamps})


def options_of(follow_up: str | None) -> dict[str, Any]:
    """The options for `send_task` of a message that wants the same."""
    if follow_up is None:
        return {}
    options: dict[str, Any] = loads(follow_up)
    given: dict[str, Any] = options.pop("stamps")
    names = given.keys() & set(options.pop("stamped_headers", ())) - _taken()
    stamps = {name: given[name] for name in sorted(names)}
    return stamps | options | ({"stamped_headers": list(stamps)} if stamps else {})


@cache
def _taken() -> set[str]:
    """The names to which `send_task` gives a meaning, so that no stamp may have them."""
    functions = Celery.send_task, AMQP.as_task_v2
    return {name for each in functions for name in signature(each).parameters}


def _options(asked: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    return {option: asked[name] for name, option in names.items() if asked.get(name) is not None}
