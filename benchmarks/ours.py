"""Ours as a process of its own: packs a directory to nowhere, or uploads it.

The only module here that knows the worker.
"""

import argparse
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import benchmarks.no_crt  # noqa: F401  before anything imports botocore
from benchmarks.output import give
from benchmarks.processes import resident
from worker.bootstrap import Services
from worker.interfaces import Package
from worker.models.artifact import Artifact
from worker.models.job_s3_prefix import JobS3Prefix
from worker.models.run import Run
from worker.settings import Settings


def services(results_root: Path, bucket: str | None = None, **settings: int) -> Services:
    """As a worker makes them that is alone on its machine."""
    return Services(Settings(results_roots=(results_root,), s3_bucket=bucket, **settings))  # type: ignore[arg-type]


class Undisturbed:
    """The `Attempt` of an upload that nobody takes away."""

    def check(self) -> None: ...
    def opened(self, multipart_id: str) -> None: ...
    def sealed(self, artifact: Artifact) -> None: ...


@dataclass(slots=True)
class ReadyMade:
    """The `Package` of an archive that is in memory already: what is left is to send it."""

    content: bytes
    file_count: int = 1
    bytes_done: int = 0
    archive: Any = None

    @property
    def bytes_total(self) -> int:
        return len(self.content)

    @property
    def size_bound(self) -> int:
        return len(self.content)

    def chunks(self) -> Iterator[bytes]:
        for start in range(0, len(self.content), 1 << 20):
            yield self.content[start : start + (1 << 20)]


def pack(directory: Path, using: Services) -> dict[str, Any]:
    """Packs to nowhere; the seconds from opening the directory to the archive's last byte."""
    return _timed(directory, using, lambda package: sum(map(len, package.chunks())))


def upload(directory: Path, using: Services) -> dict[str, Any]:
    """Packs and sends, as a worker's task does between claiming and recording."""
    return _timed(directory, using, uploader(using))


def uploader(using: Services) -> Callable[[Package], int]:
    """Sends a package to where the AWS SDK's environment leads; gives the object's size."""
    results = using.results
    prefix = JobS3Prefix(12, datetime(2025, 10, 23, 21, 15, tzinfo=UTC))
    return lambda package: results.upload(prefix, Run(4, 12), package, Undisturbed()).size


def _timed(directory: Path, using: Services, work: Callable[[Package], int]) -> dict[str, Any]:
    packager = using.packager
    idle = resident(os.getpid())
    began = time.perf_counter()
    with packager.open(str(directory)) as package:
        size = work(package)
        return {"seconds": time.perf_counter() - began, "idle": idle, "size": size}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ours", description=__doc__)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--bucket", help="upload there instead of packing to nowhere")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--connections", type=int)
    given = parser.parse_args()
    both = {"threads": given.threads, "connections": given.connections}
    settings = {name: value for name, value in both.items() if value is not None}
    using = services(given.directory.parent, given.bucket, **settings)
    give((upload if given.bucket else pack)(given.directory, using))


if __name__ == "__main__":
    main()
