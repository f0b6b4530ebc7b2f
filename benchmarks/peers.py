"""What ours is compared with: each a whole process, or a pipeline of them, from start to end."""

import os
import shlex
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.sink.client import BUCKET, HOST

PROJECT = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class Order:
    """One directory to be stored: `spare` is where a temporary file may lie."""

    run: Path
    endpoint: str
    key: str
    spare: Path
    ours: tuple[str, ...] = ()

    @property
    def within(self) -> str:
        return f"cd {shlex.quote(str(self.run.parent))}"

    def s5cmd(self, *, stored: str = "") -> str:
        """Takes the `stored` file, or what is piped into it, with its own defaults."""
        verb = f"cp {shlex.quote(stored)}" if stored else "pipe"
        return f"s5cmd --log error --endpoint-url {self.endpoint} {verb} s3://{BUCKET}/{self.key}"


@dataclass(frozen=True, slots=True)
class Peer:
    name: str
    meaning: str
    command: Callable[[Order], str]
    needs: tuple[str, ...] = ()
    zips: bool = True
    slow: bool = False
    """Below 100 MB/s, so that it runs less often."""

    @property
    def missing(self) -> list[str]:
        path = environment("")["PATH"]
        return [program for program in self.needs if not shutil.which(program, path=path)]


def environment(endpoint: str) -> Mapping[str, str]:
    """With credentials that nobody checks, and this interpreter's programs first.

    Python's own variables are left out: without its byte code, it would start a second later.
    """
    own = {
        "AWS_ACCESS_KEY_ID": "bench",
        "AWS_SECRET_ACCESS_KEY": "bench",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": str(PROJECT / "benchmarks" / "aws_config"),
        "AWS_ENDPOINT_URL_S3": endpoint,
        "NO_PROXY": HOST,
        "no_proxy": HOST,
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "PYTHONPATH": str(PROJECT),
    }
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "PYTHON"))}
    return inherited | own


def _ours(order: Order) -> str:
    return _python("ours", order.run, f"--bucket={BUCKET}", *order.ours)


def _old_code(order: Order) -> str:
    return _python("old_code", order.run, BUCKET, order.key)


def _zip(order: Order) -> str:
    return f"{order.within} && zip -1 -qr - {order.run.name} | {order.s5cmd()}"


def _seven_zip(order: Order) -> str:
    kept = str(order.spare / "7z.zip")
    packing = f"7z a -tzip -mx1 -bso0 -bsp0 {shlex.quote(kept)} {order.run.name}"
    return f"{order.within} && {packing} && {order.s5cmd(stored=kept)}"


def _fastzip(order: Order) -> str:
    kept = str(order.spare / "fastzip.zip")
    packing = shlex.join(["fastzip", kept, str(order.run)])
    return f"{packing} && {order.s5cmd(stored=kept)}"


def _zstd(order: Order) -> str:
    return f"{order.within} && tar cf - {order.run.name} | zstd -1 -T0 -q | {order.s5cmd()}"


def _python(module: str, *arguments: object) -> str:
    """Started by `exec`, so that no shell is measured with it."""
    command = [sys.executable, "-m", f"benchmarks.{module}", *map(str, arguments)]
    return f"cd {shlex.quote(str(PROJECT))} && exec {shlex.join(command)}"


OURS = Peer("ours", "oneprefix", _ours)
OLD_CODE = Peer("old", "zipfile in memory, put_object", _old_code, slow=True)
ZIP = Peer("zip", "zip -1, s5cmd pipe", _zip, ("zip", "s5cmd"), slow=True)
SEVEN_ZIP = Peer("7z", "7z -tzip -mx1, temp file, s5cmd", _seven_zip, ("7z", "s5cmd"), slow=True)
FASTZIP = Peer("fastzip", "fastzip level 1, temp file, s5cmd", _fastzip, ("fastzip", "s5cmd"))
ZSTD = Peer("zstd", "tar, zstd -1 -T0, s5cmd pipe", _zstd, ("tar", "zstd", "s5cmd"), zips=False)
PEERS = (OURS, OLD_CODE, FASTZIP, ZIP, SEVEN_ZIP, ZSTD)
