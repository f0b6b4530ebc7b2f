"""The name of the S3 operation that an HTTP request asks for."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from urllib.parse import parse_qsl

from botocore.model import OperationModel
from botocore.session import Session


@dataclass(frozen=True, slots=True)
class Operation:
    name: str
    method: str
    path_depth: int
    marks: frozenset[tuple[str, str]]


def operation_name(
    method: str, path_depth: int, query: Iterable[str], headers: Iterable[str]
) -> str:
    """The operation that asks for most of what the request has; a key's path is 2 deep."""
    marks = {("querystring", name) for name in query}
    marks |= {("header", name.lower()) for name in headers}
    fitting = [
        operation
        for operation in _operations()
        if (operation.method, operation.path_depth) == (method, path_depth)
        and operation.marks <= marks
    ]
    if not fitting:
        return f"{method} of an unknown operation"
    return max(fitting, key=lambda operation: len(operation.marks)).name


@cache
def _operations() -> tuple[Operation, ...]:
    service = Session().get_service_model("s3")
    models = map(service.operation_model, service.operation_names)
    return tuple(_operation(model) for model in models if not model.deprecated)


def _operation(model: OperationModel) -> Operation:
    path, _, query = model.http["requestUri"].partition("?")
    marks = {("querystring", name) for name, _ in parse_qsl(query, keep_blank_values=True)}
    if shape := model.input_shape:
        places = [shape.members[name].serialization for name in shape.required_members]
        marks |= {
            (place["location"], place["name"])
            for place in places
            if place.get("location") in {"querystring", "header"}
        }
    return Operation(model.name, model.http["method"], path.count("{"), frozenset(marks))
