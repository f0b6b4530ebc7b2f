"""How far an upload is: percent of its directory's bytes sent, rate, time left."""

from dataclasses import dataclass
from datetime import datetime

from worker.models.upload import Upload, UploadState

#: Percent shown at most until the upload has landed: the archive must still be completed.
MOST = 99.0
#: Seconds for which a rate is believed after the row was renewed.
BELIEVED = 15.0


@dataclass(frozen=True, slots=True)
class Progress:
    """None where a figure is not known."""

    percent: float | None = None
    sent: int | None = None
    """Bytes of the directory whose packed form has been sent."""
    rate: float | None = None
    """Bytes per second of the current attempt."""
    seconds_left: float | None = None


def progress_of(upload: Upload, now: datetime) -> Progress:
    """Extrapolate the row to `now`, on the database's clock; workers renew it every few seconds."""
    done, total = upload.bytes_done, upload.bytes_total
    if upload.state is UploadState.LANDED:
        return Progress(100.0, total)
    if total is None:
        return Progress()
    rate = _rate(upload)
    if upload.updated_at and rate:
        since = (now - upload.updated_at).total_seconds()
        done = int(done + rate * min(max(since, 0.0), BELIEVED))
    sent = min(done, total)
    percent = min(100.0 * sent / total, MOST) if total else 0.0
    return Progress(percent, sent, rate, (total - sent) / rate if rate else None)


def _rate(upload: Upload) -> float | None:
    """The mean rate since the attempt began; None if none is under way or nothing is sent yet."""
    begun_at, updated_at = getattr(upload, "begun_at", None), upload.updated_at
    if upload.state is not UploadState.UPLOADING or not (begun_at and updated_at):
        return None
    seconds = (updated_at - begun_at).total_seconds()
    return upload.bytes_done / seconds if seconds > 0 and upload.bytes_done else None
