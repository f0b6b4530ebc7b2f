"""A job as people meet it: forty runs in all states, hostile names, long reasons."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine, insert, select

from tests.end_to_end.cluster import CREATED_AT
from worker.database.engine import transaction
from worker.database.jobs import add_job
from worker.database.tables import uploads
from worker.database.types import now
from worker.models.history import told
from worker.models.upload import UploadState

#: HTML, quotes, a control, an override of direction, a formula.
HOSTILE = "=cmd|'<script>alert(1)</script>\"&\x1b[31m\u202efdp.exe"
LONG = (
    "TreeChanged: RUN17/fields/velocity_000421.vtu was 18,874,368 bytes when it was listed and"
    " 20,971,520 when it was packed: the solver still writes to it; an archive is of one moment"
)
REASONS = {
    35: "PathRefused: /etc/shadow lies outside the results roots (ONEPREFIX_RESULTS_ROOTS)",
    36: LONG,
    37: HOSTILE,
}
MIB = 1 << 20


def history(time: datetime, attempts: int) -> str:
    """As many attempts as a worker writes them, the last of which ended a minute ago."""
    lines = []
    for number in range(1, attempts + 1):
        ended = time - timedelta(seconds=60 + 240 * (attempts - number))
        begun = ended - timedelta(seconds=90)
        lines.append(f"{number} {stamp(begun)} {stamp(ended)} {told(LONG)}\n")
    return "".join(lines)


def stamp(time: datetime) -> str:
    return time.isoformat(timespec="milliseconds")


def add_sample(engine: Engine, job_id: int = 12) -> None:
    """Insert the job with runs 1 to 40; run 40 has no upload."""
    first = 100 * job_id if job_id != 12 else 0
    add_job(engine, job_id, CREATED_AT, range(first + 1, first + 41))
    with transaction(engine) as connection:
        time = connection.execute(select(now())).scalar_one()
        for number in range(1, 40):
            # run 36 has tried for long, and those under way were asked for a moment ago
            ago = 84 if number == 36 else 4 if 25 <= number <= 29 else 90 - 2 * number
            begun = time - timedelta(minutes=ago)
            size = (300 + 97 * number % 1700) * MIB + 12345 * number
            values = {
                "job_id": job_id,
                "run_id": first + number,
                "path": f"/results/job_{job_id}/RUN{number}",
                "requested_at": begun - timedelta(seconds=7),
                "updated_at": begun,
                "bytes_total": size,
                "attempt": 1,
                "fence": 1,
                "begun_at": begun - timedelta(seconds=3),
            }
            connection.execute(
                insert(uploads).values(values | _standing(number, size, begun, time))
            )


def _standing(number: int, size: int, begun: datetime, time: datetime) -> dict[str, Any]:
    if 25 <= number <= 34:
        return _unfinished(number, size, time)
    if number <= 24:
        key = f"jobs/12/2025/10/23/211500/run_{number}_results.zip"
        ended = begun + timedelta(seconds=40 + 7 * number)
        return {
            "state": UploadState.LANDED,
            "bytes_done": size,
            "archive_size": size // 3,
            "file_count": 120 + number,
            "landed_at": ended,
            "updated_at": ended,
            "s3_key": key,
            # of no store, so that the objects are looked for in the installation's own bucket
            "results_url": f"https://results.example/{key}",
            "checksum": "CRC32:TqaPSA==",
        }
    if number <= 37:
        return {
            "state": UploadState.FAILED,
            "attempt": 20 if number == 36 else 1,
            "history": history(time, 20 if number == 36 else 1),
            "begun_at": time - timedelta(seconds=150),
            "updated_at": time - timedelta(seconds=60),
            "bytes_done": size // 5,
            "error": f"job 12, run {number}: {REASONS[number]}",
            "path": f"/results/{HOSTILE}" if number == 37 else f"/results/job_12/RUN{number}",
            "traceback": f"Traceback (most recent call last):\n  …\nTreeChanged: {LONG}",
        }
    if number == 38:
        return {"state": UploadState.CANCELLED, "error": "cancelled by ada@solver-3"}
    return {
        "state": UploadState.LANDED,
        "landed_at": begun,
        "bytes_done": size,
        "error": "deleted by ada@solver-3, see number 1 of `deletions`",
    }


def _unfinished(number: int, size: int, time: datetime) -> dict[str, Any]:
    if number <= 29:
        return {
            "state": UploadState.UPLOADING,
            "bytes_done": size * (number - 24) // 6,
            "owner": f"solver-{number}.cluster.example@{number}@1",
            "lease_until": time + timedelta(seconds=60),
            "updated_at": time,
            "begun_at": time - timedelta(seconds=20 * (number - 24)),
        }
    if number <= 31:
        return {
            "state": UploadState.RETRYING,
            "bytes_done": size // 4,
            "attempt": 3,
            "begun_at": time - timedelta(seconds=150),
            "history": history(time, 3),
            "error": f"job 12, run {number}: {LONG}",
            "next_attempt_at": time + timedelta(seconds=95),
        }
    return {"state": UploadState.REQUESTED, "bytes_total": None, "attempt": 0}
