"""What must hold when a scenario is over, whatever happened in it."""

import io
import os
import time
from pathlib import Path
from zipfile import ZipFile

from tests.end_to_end.cluster import Cluster
from worker.database.uploads.upload_list import SqlUploadList
from worker.models.upload import Upload, UploadState

#: Seconds for what no row names: it has to be a minute old when a worker looks, once a minute.
CLEAN_UP = 240
PREFIX = "jobs/12/2025/10/23/211500/"
#: Operations that put an object under its key.
PLACING = ("PutObject", "CompleteMultipartUpload")


def all_over(running: Cluster, count: int, seconds: float) -> None:
    """Wait until there are so many uploads, and each has landed or failed."""
    deadline = time.monotonic() + seconds
    while len(rows := _rows(running)) < count:
        assert time.monotonic() < deadline, f"only {len(rows)} uploads of {count} are known"
        time.sleep(0.1)
    while open_runs := [row for row in _rows(running) if not row.state.is_over]:
        assert time.monotonic() < deadline, [
            (row.run_id, row.state, row.attempt, row.error) for row in open_runs[:5]
        ]
        time.sleep(0.1)


def settle(running: Cluster, count: int, *, seconds: float = 90) -> None:
    """Wait until workers have brought `count` uploads to their end, and cleaned up in S3."""
    all_over(running, count, seconds)
    deadline = time.monotonic() + CLEAN_UP
    while found := running.open_multipart_uploads():
        assert time.monotonic() < deadline, found
        time.sleep(0.2)


def audit(running: Cluster, *, failed: set[int] | None = None) -> None:
    """Each run has one object with its directory's bytes, and nothing else is left anywhere.

    Once things have settled and workers were stopped. `failed`: the runs that may have FAILED, if
    with a reason.
    """
    running.stop()
    _require_objects(running, failed or set())
    assert running.open_multipart_uploads() == []
    assert running.scalar("SELECT count(*) FROM uploads WHERE lease_until IS NOT NULL") == 0
    # (a killed Celery leaves an empty directory of its own)
    assert [each for each in running.temporary.rglob("*") if not each.is_dir()] == []
    assert not (left := _processes_of(running)), left


def completed_twice(running: Cluster) -> int:
    """Objects that were put in place more than once; the same upload's completion counts once."""
    placed = {
        (each.key, each.upload_id or number)
        for number, each in enumerate(running.strict.proxy.requests)
        if each.operation in PLACING and each.status == 200 and not each.refused_with
    }
    return len(placed) - len({key for key, _ in placed})


def _rows(running: Cluster) -> list[Upload]:
    return SqlUploadList(running.engine).uploads()


def _require_objects(running: Cluster, failed: set[int]) -> None:
    client = running.strict.upstream
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=running.strict.bucket)
    keys = {found["Key"] for page in pages for found in page.get("Contents", [])}
    landed = set()
    for row in _rows(running):
        if row.state is UploadState.FAILED:
            assert row.run_id in failed, (row.run_id, row.error)
            assert row.error
            continue
        key = f"{PREFIX}run_{row.run_id}_results.zip"
        landed.add(key)
        with client.get_object(Bucket=running.strict.bucket, Key=key)["Body"] as body:
            _require_same(body.read(), Path(row.path))
        url = running.scalar(f"SELECT results_url FROM runs WHERE id = {row.run_id}")
        assert url == row.results_url
        assert url.endswith(key)
    assert keys == landed


def _require_same(archive: bytes, run: Path) -> None:
    with ZipFile(io.BytesIO(archive)) as opened:
        names = {name for name in opened.namelist() if not name.endswith("/")}
        files = {str(file.relative_to(run.parent)) for file in run.rglob("*") if file.is_file()}
        assert names == files
        for name in names:
            assert opened.read(name) == (run.parent / name).read_bytes(), name


def _processes_of(running: Cluster) -> list[str]:
    """What still runs with this installation's environment, after a moment to end."""
    mark = f"ONEPREFIX_DATA_DIR={running.directory / 'data'}".encode()
    deadline = time.monotonic() + 10
    while found := [name for pid in _pids() if mark in _environment(pid) and (name := _name(pid))]:
        if time.monotonic() > deadline:
            return found
        time.sleep(0.1)
    return []


def _pids() -> list[str]:
    names = [each.name for each in Path("/proc").iterdir()]
    return [name for name in names if name.isdigit() and int(name) != os.getpid()]


def _environment(pid: str) -> bytes:
    try:
        return Path("/proc", pid, "environ").read_bytes()
    except OSError:
        return b""


def _name(pid: str) -> str:
    try:
        return Path("/proc", pid, "cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""
