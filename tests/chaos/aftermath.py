"""How long a fault held up what it hit, and what had to be sent again, as S3 and the rows tell."""

from datetime import UTC
from typing import Any

from tests.chaos.runs import MIB
from tests.end_to_end.cluster import Cluster
from tests.servers.strict_s3 import Exchange
from worker.database.uploads.upload_list import SqlUploadList
from worker.models.upload import Upload

#: Operations that carry bytes of archives.
SENDING = ("PutObject", "UploadPart")


def aftermath(running: Cluster, at: float) -> dict[str, Any]:
    """Figures of a fault that began at that time: seconds from then on, and MiB."""
    return {
        "next_byte_after_seconds": _rounded(next_byte(running, at)),
        "last_landing_after_seconds": _rounded(max(landings(running).values(), default=at) - at),
        "sent_twice_mib": sent_twice_mib(running),
    }


def next_byte(running: Cluster, at: float) -> float | None:
    """Seconds until S3 took bytes again; None if all had been sent."""
    return next((each.at - at for each in sent(running) if each.at > at), None)


def sent(running: Cluster) -> list[Exchange]:
    """What S3 took of archives, in the order of its answers."""
    return [
        each
        for each in running.strict.proxy.requests
        if each.operation in SENDING and each.status == 200 and not each.refused_with
    ]


def landings(running: Cluster) -> dict[int, float]:
    """When each run's upload was LANDED."""
    return {
        each.run_id: each.landed_at.replace(tzinfo=UTC).timestamp()
        for each in uploads(running)
        if each.landed_at
    }


def sent_twice_mib(running: Cluster) -> float:
    """What S3 took of archives, beyond the archives that stand there."""
    archives = sum(each.archive_size or 0 for each in uploads(running))
    return round((sum(each.bytes_received for each in sent(running)) - archives) / MIB, 1)


def uploads(running: Cluster) -> list[Upload]:
    return SqlUploadList(running.engine).uploads()


def _rounded(seconds: float | None) -> float | str:
    return "none was left" if seconds is None else round(seconds, 1)
