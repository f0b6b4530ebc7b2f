"""Queue entries that are no messages of Celery's, by what is wrong with them."""

import json
from collections.abc import Callable
from copy import deepcopy
from typing import Any

MESSAGE: dict[str, Any] = {
    # arguments, keyword arguments and options, as JSON
    "body": "W1sxMiwgNCwgIi9yZXN1bHRzL1JVTjQiXSwge30sIHt9XQ==",
    "content-encoding": "utf-8",
    "content-type": "application/json",
    "headers": {"lang": "py", "task": "tasks.package_and_upload", "id": "a", "root_id": "a"},
    "properties": {
        "correlation_id": "a",
        "reply_to": "b",
        "delivery_mode": 2,
        "delivery_info": {"exchange": "", "routing_key": "uploads"},
        "priority": 0,
        "body_encoding": "base64",
        "delivery_tag": "c",
    },
}


def changed(change: Callable[[dict[str, Any]], object]) -> bytes:
    message = deepcopy(MESSAGE)
    change(message)
    return json.dumps(message).encode()


def _fields() -> dict[str, bytes]:
    """The message with each field missing, null, and of another type."""
    entries = {}
    places: list[tuple[str, ...]] = [(name,) for name in MESSAGE]
    places += [("headers", name) for name in MESSAGE["headers"]]
    places += [("properties", name) for name in MESSAGE["properties"]]
    places += [("properties", "delivery_info", name) for name in ("exchange", "routing_key")]
    for *path, name in places:

        def holder(message: dict[str, Any], path: list[str] = path) -> dict[str, Any]:
            for step in path:
                message = message[step]
            return message

        def remove(message: dict[str, Any], name: str = name) -> None:
            del holder(message)[name]

        where = ".".join([*path, name])
        entries[f"{where} is missing"] = changed(remove)
        wrong: list[Any] = [None, 7, "x", [], {"y": [1]}]
        for value in wrong:

            def put(message: dict[str, Any], name: str = name, value: object = value) -> None:
                holder(message)[name] = value

            entries[f"{where} is {value!r}"] = changed(put)
    return entries


def _headers() -> dict[str, bytes]:
    """The message with wrong values of the headers that Celery acts on."""
    wrong: dict[str, list[Any]] = {
        "eta": ["soon", 7, []],
        "expires": ["never", [], {}],
        "retries": ["x", None, -1],
        "timelimit": [3, "x", [1], [None, "x"]],
        "compression": ["no-such", "zlib"],
        "id": [7, None, [], {}],
        "task": [7, [], "no.such.task", ""],
        "lang": [7, "java"],
        "group": [7],
        "argsrepr": [7, []],
        "kwargsrepr": [7, []],
        "origin": [7],
        "shadow": [7],
        "ignore_result": ["x"],
        "stamps": [7],
        "stamped_headers": [7],
    }
    entries = {}
    for name, values in wrong.items():
        for value in values:

            def put(message: dict[str, Any], name: str = name, value: Any = value) -> None:
                message["headers"][name] = value

            entries[f"headers.{name} is {value!r}"] = changed(put)
    return entries


MALFORMED: dict[str, bytes] = {
    "no JSON": b"not json",
    "no text": b"\xff\xfe\x00",
    "nothing": b"",
    "a list": b"[]",
    "null": b"null",
    "a number": b"7",
    "a string": b'"text"',
    "an empty object": b"{}",
    "deeply nested": b"[" * 50_000,
    "a body that is no base64": changed(lambda m: m.update(body="!")),
    "a body that is no JSON": changed(lambda m: m.update(body="bm8=")),
    "a body that is no UTF-8": changed(lambda m: m.update(body="/w==")),
    "a body that is a pickle": changed(
        lambda m: m.update({"content-type": "application/x-python-serialize"})
    ),
    "a body of protocol 1": changed(lambda m: m.update(body="e30=", headers={})),
    "an unknown content type": changed(lambda m: m.update({"content-type": "text/x"})),
    "an unknown coding": changed(lambda m: m.update({"content-encoding": "no-such"})),
    "an unknown body encoding": changed(lambda m: m["properties"].update(body_encoding="x")),
    **_fields(),
    **_headers(),
}
