import hashlib
import io
import os
import zipfile
import zlib
from pathlib import Path

import pytest

from tests.end_to_end.cluster import Cluster, eventually
from tests.servers.postgres import PostgresServer
from tests.servers.s3 import S3Server
from worker.models.upload import UploadState
from worker.storage.objects.checksums import encode_crc32

PREFIX = "jobs/12/2025/10/23/211500"
KEY = f"{PREFIX}/run_4_results.zip"


@pytest.fixture(params=[("postgresql", "moto"), ("sqlite", "rclone")], ids="-".join)
def surroundings(request: pytest.FixtureRequest) -> tuple[str, str]:
    pair: tuple[str, str] = request.param
    return pair


@pytest.fixture
def upstream(surroundings: tuple[str, str], request: pytest.FixtureRequest) -> S3Server:
    server: S3Server = request.getfixturevalue(surroundings[1])
    return server


@pytest.fixture
def database_url(
    surroundings: tuple[str, str], request: pytest.FixtureRequest, tmp_path: Path
) -> str:
    if surroundings[0] == "sqlite":
        return f"sqlite:///{tmp_path / 'test.db'}"
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.new_database()


def write_run(directory: Path, *, random_bytes: int = 0) -> dict[str, bytes]:
    """A run's results; what the archive must hold, by name."""
    files = {
        "out.csv": b"time,pressure\n" + b"0.1,101325.0\n" * 5000,
        "logs/rank_0.log": "Rechenschritt über ½\n".encode() * 300,
        "ünïcode name.txt": b"x",
        "empty.dat": b"",
        "field.bin": os.urandom(random_bytes),
    }
    for name, content in files.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_bytes(content)
    return {f"{directory.name}/{name}": content for name, content in files.items()}


def unpacked(archive: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        return {name: opened.read(name) for name in opened.namelist() if not name.endswith("/")}


@pytest.mark.parametrize("random_bytes", [0, 20 << 20], ids=["one put", "three parts"])
def test_a_message_by_name_lands_the_run_under_its_jobs_prefix(
    running: Cluster, random_bytes: int
) -> None:
    expected = write_run(running.results / "RUN4", random_bytes=random_bytes)
    running.start_worker()
    running.send(12, 4, str(running.results / "RUN4"))
    row = running.wait_for(12, 4)

    stored = running.strict.stored()
    assert list(stored) == [KEY]
    assert unpacked(stored[KEY]) == expected
    assert (row.s3_key, row.archive_size) == (KEY, len(stored[KEY]))
    assert row.checksum == f"CRC32:{encode_crc32(zlib.crc32(stored[KEY]))}"
    digest = hashlib.sha256(stored[KEY]).hexdigest()
    assert row.sha256 == (None if random_bytes else digest)
    assert (row.file_count, row.attempt, row.error) == (len(expected), 1, None)
    assert row.bytes_done == row.bytes_total == sum(map(len, expected.values()))
    url = f"{running.strict.proxy.server.endpoint}/{running.strict.bucket}/{KEY}"
    assert row.results_url == url
    assert running.scalar("SELECT results_url FROM runs WHERE id = 4") == url
    assert running.scalar("SELECT status FROM runs WHERE id = 4") == "DONE"
    assert running.scalar("SELECT results_uploaded_at FROM runs WHERE id = 4") is not None
    assert running.scalar("SELECT results_url FROM runs WHERE id = 5") is None
    assert running.strict.proxy.refusals == []
    sent = [
        each
        for each in running.strict.proxy.requests
        if each.operation in ("PutObject", "UploadPart", "CompleteMultipartUpload")
    ]
    assert sent
    assert all("crc32" in each.verified for each in sent)
    assert running.open_multipart_uploads() == []


def test_a_repeat_does_nothing_and_replace_uploads_anew(running: Cluster) -> None:
    directory = running.results / "RUN4"
    write_run(directory)
    running.start_worker()
    running.send(12, 4, str(directory))
    first = running.wait_for(12, 4)
    (directory / "out.csv").write_bytes(b"half cleaned up")

    running.send(12, 4, str(directory))
    running.send(12, 5, str(running.results / "RUN5"))  # comes after it, and so tells its end
    running.wait_for(12, 5, UploadState.RETRYING, UploadState.FAILED)
    assert running.row(12, 4) == first

    running.send(12, 4, str(directory), replace=True)

    def replaced() -> bool:
        row = running.row(12, 4)
        return bool(row and row.state is UploadState.LANDED and row.sha256 != first.sha256)

    eventually(replaced, "the replacement has landed")
    assert unpacked(running.strict.stored()[KEY])["RUN4/out.csv"] == b"half cleaned up"


def test_runs_that_finish_apart_lie_under_one_prefix(running: Cluster) -> None:
    running.start_worker()
    for run_id in (4, 5, 6):
        write_run(running.results / f"RUN{run_id}")
        running.send(12, run_id, str(running.results / f"RUN{run_id}"))
    for run_id in (4, 5, 6):
        running.wait_for(12, run_id)
    assert sorted(running.strict.stored()) == [
        f"{PREFIX}/run_{run_id}_results.zip" for run_id in (4, 5, 6)
    ]
