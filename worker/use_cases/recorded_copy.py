"""Keeps recovery from taking the multipart upload of a copy for one that an attempt has left."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from worker.models.upload import Upload
from worker.use_cases.ports import ResultLocations


@contextmanager
def noted_copy(
    locations: ResultLocations, upload: Upload | None
) -> Iterator[Callable[[str], None]]:
    """What is to be told of the multipart upload; where the results have a row, it is noted there
    while it goes on.
    """
    begun: list[str] = []

    def opened(multipart_id: str) -> None:
        if upload:
            begun.append(multipart_id)
            locations.copying(upload, multipart_id)

    try:
        yield opened
    finally:
        if upload and begun:
            locations.copied(upload, begun[0])
