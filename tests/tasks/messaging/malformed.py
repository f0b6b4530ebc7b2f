"""Queue entries that are no messages of Celery's, by what is wrong with them."""

import json
import zlib
from base64 import b64encode
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


def saying(text: str, **changes: Any) -> bytes:
    """The message with that text as its body."""
    return changed(lambda m: m.update(body=b64encode(text.encode()).decode(), **changes))


def nested(levels: int) -> str:
    """The text of a body whose lists are that deep."""
    inner = levels - 2
    return f"[[{'[' * inner}{']' * inner}], {{}}, {{}}]"


def _bodies() -> dict[str, bytes]:
    """The message with bodies that are JSON, and no arguments."""
    texts = {
        "a number": "5",
        "an object": "{}",
        "text": '"abc"',
        "null": "null",
        "two values": "[[], {}]",
        "four values": "[[], {}, {}, 1]",
        "arguments that are an object": "[{}, {}, {}]",
        "arguments by keyword that are a list": "[[], [], {}]",
        "options that are a list": "[[], {}, []]",
        "options that replace a header": '[[], {}, {"id": "another"}]',
        "callbacks that are a number": '[[], {}, {"callbacks": 5}]',
        "a callback that is a number": '[[], {}, {"callbacks": [5]}]',
        "a chain of numbers": '[[], {}, {"chain": [5]}]',
        "a chord that is a list": '[[], {}, {"chord": []}]',
        "a value of kombu's that is none": '[[{"__type__": "bytes", "__value__": 5}], {}, {}]',
        "an unknown value of kombu's": '[[{"__type__": "x", "__value__": 5}], {}, {}]',
        "a number of 5,000 digits": f"[[{'9' * 5000}], {{}}, {{}}]",
        "arguments nested 33 deep": nested(33),
        "arguments nested 900 deep": nested(900),
        "arguments nested 20,000 deep": nested(20_000),
        "options nested 900 deep": f'[[], {{}}, {{"callbacks": {"[" * 900}{"]" * 900}}}]',
        "64 KiB and more": json.dumps([["x" * 65_536], {}, {}]),
    }
    return {f"a body that is {name}": saying(text) for name, text in texts.items()}


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
        "eta": ["soon", 7, [], "", "9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59"],
        "expires": ["never", [], {}, "", "9999-12-31T23:59:59-23:59"],
        "retries": ["x", None, -1],
        "timelimit": [3, "x", [1], [None, "x"], [-1, None], [float("nan"), None], [1e300, None]],
        "compression": ["no-such", "zlib", 7, [], {}],
        "id": [7, None, [], {}, "", "a\0b", "a\nb", "x" * 256, "\ud800"],
        "root_id": ["a\0b", {}],
        "parent_id": ["a\0b", {}],
        "headers": [5, "x"],
        "task": [7, [], "no.such.task", ""],
        "lang": [7, "java"],
        "group": [7],
        "argsrepr": [7, []],
        "kwargsrepr": [7, []],
        "origin": [7],
        "shadow": [7, "a\nb", "x" * 256],
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
    "a body of raw bytes": changed(lambda m: m.update({"content-type": "application/data"})),
    "a body of raw text": changed(lambda m: m.update({"content-type": "application/text"})),
    "a compressed body": changed(
        lambda m: m.update(
            body=b64encode(zlib.compress(b"[[], {}, {}]")).decode(),
            headers=m["headers"] | {"compression": "application/x-gzip"},
        )
    ),
    "an entry of 1 MiB": b'{"x": "' + b"x" * 1024**2 + b'"}',
    "an unknown content type": changed(lambda m: m.update({"content-type": "text/x"})),
    "an unknown coding": changed(lambda m: m.update({"content-encoding": "no-such"})),
    "an unknown body encoding": changed(lambda m: m["properties"].update(body_encoding="x")),
    **_bodies(),
    **_fields(),
    **_headers(),
}
