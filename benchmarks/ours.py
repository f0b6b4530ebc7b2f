"""Ours as a process of its own: packs a directory to nowhere, or uploads it.

The only module here that knows the worker.
"""

import argparse
import atexit
import gc
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import benchmarks.no_crt  # noqa: F401  before anything imports botocore
from benchmarks.output import give
from benchmarks.processes import resident
from worker.models.job import Run
from worker.models.job_s3_prefix import JobS3Prefix
from worker.packaging.package import Packing, TreePackager
from worker.process.processors import processors
from worker.storage.upload.limits import Sending
from worker.use_cases.upload.completion import complete
from worker.use_cases.upload.ports import Package

Uploader = Callable[[Package], int]


def packager(results_root: Path, threads: int | None = None) -> TreePackager:
    """As a worker makes it that is alone on its machine."""
    return TreePackager((results_root,), packing=Packing(threads=threads or processors()))


def uploader(bucket: str, **sending: int) -> Uploader:
    """Sends a package to where the AWS SDK's environment leads; gives the object's size."""
    from worker.storage.client import make_client  # noqa: PLC0415  slow, and packing needs none
    from worker.storage.objects.bucket import Bucket  # noqa: PLC0415
    from worker.storage.upload.results_store import S3ResultsStore  # noqa: PLC0415

    how = Sending(**sending)  # type: ignore[arg-type]
    results = S3ResultsStore(Bucket(make_client(how.connections), bucket), {}, how)
    prefix = JobS3Prefix(12, datetime(2025, 10, 23, 21, 15, tzinfo=UTC))

    def upload(package: Package) -> int:
        with results.begin(
            prefix,
            Run(4, 12),
            package.chunks(),
            size_bound=package.size_bound,
            file_count=package.file_count,
            moved=_undisturbed,
            check=_undisturbed,
        ) as archive:
            artifact = archive.send_parts()
            complete(archive, artifact, seal=_undisturbed)
        return artifact.size

    return upload


def _undisturbed(*_: object) -> None:
    """Nobody takes the upload away."""


@dataclass(slots=True)
class ReadyMade:
    """The `Package` of an archive that is in memory already: what is left is to send it."""

    content: bytes
    file_count: int = 1
    bytes_done: int = 0
    archive: Any = None

    @property
    def fingerprint(self) -> str:
        return ""

    @property
    def bytes_total(self) -> int:
        return len(self.content)

    @property
    def size_bound(self) -> int:
        return len(self.content)

    def chunks(self) -> Iterator[bytes]:
        for start in range(0, len(self.content), 1 << 20):
            yield self.content[start : start + (1 << 20)]


def packed(package: Package) -> int:
    """The archive's size; it goes nowhere."""
    return sum(map(len, package.chunks()))


def timed(directory: Path, using: TreePackager, work: Uploader) -> dict[str, Any]:
    """The seconds from opening the directory until its archive has been packed, or has landed."""
    idle = resident(os.getpid())
    began = time.perf_counter()
    with using.open(str(directory)) as package:
        size = work(package)
        return {"seconds": time.perf_counter() - began, "idle": idle, "size": size}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ours", description=__doc__)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--bucket", help="upload there instead of packing to nowhere")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--connections", type=int)
    parser.add_argument("--idle-first", action="store_true", help="begin when all is made")
    given = parser.parse_args()
    sending = {"connections": given.connections} if given.connections else {}
    using = packager(given.directory.parent, given.threads)
    atexit.register(gc.freeze)  # as the command line does
    if not given.bucket:
        give(timed(given.directory, using, packed))
        return
    with ThreadPoolExecutor(1) as beside:  # as a pipe's programs are started beside each other
        made = beside.submit(uploader, given.bucket, **sending)
        if given.idle_first:
            made.result()

        def sent(package: Package) -> int:
            return made.result()(package)

        give(timed(given.directory, using, sent))


if __name__ == "__main__":
    main()
