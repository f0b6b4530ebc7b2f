"""How far an upload is: percent of its directory's bytes sent, rate, time left."""

from dataclasses import dataclass
from datetime import datetime

from worker.models.pace import bytes_by_now, rate
from worker.models.upload import Upload, UploadState

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
    total = upload.bytes_total
    if upload.state is UploadState.LANDED:
        return Progress(100.0, total)
    if total is None:
        return Progress()
    age = (now - upload.updated_at).total_seconds() if upload.updated_at else 0.0
    sent = min(bytes_by_now(upload, min(max(age, 0.0), BELIEVED)), total)
    speed = rate(upload)
    percent = min(100.0 * sent / total, 99.0) if total else 0.0
    return Progress(percent, sent, speed, (total - sent) / speed if speed else None)
