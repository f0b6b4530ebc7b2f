"""A bucket that a test reaches through the strict proxy, and past it."""

from dataclasses import dataclass

import pytest
from types_boto3_s3 import S3Client

from tests.servers.raw import RawAnswer, ask
from tests.servers.strict_s3 import StrictS3


@dataclass(frozen=True)
class Strict:
    """A fresh bucket, reached through the strict proxy and past it."""

    proxy: StrictS3
    bucket: str
    client: S3Client
    upstream: S3Client

    def put(
        self, content: bytes, headers: dict[str, str], payload_hash: str = "UNSIGNED-PAYLOAD"
    ) -> RawAnswer:
        """Put the object k by a request written by hand."""
        path = f"/{self.bucket}/k"
        server = self.proxy.server
        return ask(server, "PUT", path, content, headers=headers, payload_hash=payload_hash)

    def stored(self) -> dict[str, bytes]:
        """What the upstream has in the bucket."""
        listed = self.upstream.list_objects_v2(Bucket=self.bucket).get("Contents", [])
        return {entry["Key"]: self._read(entry["Key"]) for entry in listed}

    def _read(self, key: str) -> bytes:
        with self.upstream.get_object(Bucket=self.bucket, Key=key)["Body"] as body:
            return body.read()


only_moto = pytest.mark.parametrize("upstream", ["moto"], indirect=True)
only_rclone = pytest.mark.parametrize("upstream", ["rclone"], indirect=True)
