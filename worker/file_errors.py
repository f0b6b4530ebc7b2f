"""Says in one line what the operating system refuses to do with a file of this machine."""

from collections.abc import Iterator
from contextlib import contextmanager

from worker.errors import FileUnusable


@contextmanager
def usable(doing: str) -> Iterator[None]:
    """FileUnusable for each OSError in the block; `doing` begins its message."""
    try:
        yield
    except OSError as error:
        raise FileUnusable(f"{doing}: {error.strerror or error}") from error
