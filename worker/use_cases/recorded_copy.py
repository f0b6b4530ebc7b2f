"""Keeps recovery from aborting the multipart upload of a copy."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from worker.models.upload import Upload

if TYPE_CHECKING:
    from worker.database.uploads.multipart_ids import SqlMultipartIds


@contextmanager
def recorded_copy(
    copies: "SqlMultipartIds", upload: Upload | None
) -> Iterator[Callable[[str], None]]:
    """Give a function to be called with the id of the copy's multipart upload.

    The id stands in the upload's row, if there is one, until the block ends.
    """
    recorded: list[str] = []

    def opened(multipart_id: str) -> None:
        if upload:
            recorded.append(multipart_id)
            copies.begin_copy(upload, multipart_id)

    try:
        yield opened
    finally:
        if upload and recorded:
            copies.end_copy(upload, recorded[0])
