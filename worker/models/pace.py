"""How fast an upload goes, and when it will be over."""

from typing import Final

from worker.models.upload import Upload, UploadState

#: The most that is told of an upload that has not landed, in percent.
ALMOST: Final = 99


def rate(upload: Upload) -> float | None:
    """Bytes of the tree that an upload under way has sent a second; None if nobody can tell yet."""
    if upload.state is not UploadState.UPLOADING or not (upload.begun_at and upload.updated_at):
        return None
    seconds = (upload.updated_at - upload.begun_at).total_seconds()
    return upload.bytes_done / seconds if seconds > 0 and upload.bytes_done else None


def seconds_left(upload: Upload) -> float | None:
    """Seconds that an upload under way still takes at its rate, from when its row was written."""
    speed = rate(upload)
    if speed is None or upload.bytes_total is None:
        return None
    return max(0.0, upload.bytes_total - upload.bytes_done) / speed


def bytes_by_now(upload: Upload, age: float) -> int:
    """Bytes sent `age` seconds after the row was written, at the upload's rate.

    At most `ALMOST` percent of the tree, unless the row tells of more.
    """
    most = max(upload.bytes_done, (upload.bytes_total or 0) * ALMOST // 100)
    return min(most, int(upload.bytes_done + age * (rate(upload) or 0)))
