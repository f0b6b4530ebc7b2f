"""Turns errors of the local file system into ours."""

from collections.abc import Iterator
from contextlib import contextmanager

from worker.errors import FileUnusable


@contextmanager
def translated_file_errors(doing: str) -> Iterator[None]:
    """Raise FileUnusable for an OSError in the block; `doing` begins its one-line message."""
    try:
        yield
    except OSError as error:
        raise FileUnusable(f"{doing}: {error.strerror or error}") from error
