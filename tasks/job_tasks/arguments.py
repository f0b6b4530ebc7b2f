"""Refuse a message whose arguments make no order."""

from collections.abc import Iterator
from contextlib import contextmanager

from worker.errors import InvalidRequest


@contextmanager
def reading_an_order(to_do: str) -> Iterator[None]:
    """InvalidRequest for arguments of a wrong type or value, as values made of them raise it."""
    try:
        yield
    except (ValueError, TypeError, OverflowError) as error:
        raise InvalidRequest(f"this is no order to {to_do}: {error}") from error
