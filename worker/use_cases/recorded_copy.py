"""Keeps recovery from taking the multipart upload of a copy for one that an attempt has left."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from worker.models.upload import Upload
from worker.use_cases.ports import CopyRecords


@contextmanager
def noted_copy(copies: CopyRecords, upload: Upload | None) -> Iterator[Callable[[str], None]]:
    """What is to be told of the multipart upload; where the results have a row, it is noted there
    while it goes on.
    """
    begun: list[str] = []

    def opened(multipart_id: str) -> None:
        if upload:
            begun.append(multipart_id)
            copies.begin_copy(upload, multipart_id)

    try:
        yield opened
    finally:
        if upload and begun:
            copies.end_copy(upload, begun[0])
