"""The bucket that the settings name, or one that `archive --to-bucket` has moved a job to."""

from typing import TYPE_CHECKING, Any

from worker.bootstrap.urls import bucket_name
from worker.errors import InvalidRequest
from worker.process.parallel import DEFAULT_CONCURRENCY
from worker.settings import Settings

if TYPE_CHECKING:
    from worker.storage.manage.storage_classes import S3StorageClasses
    from worker.storage.objects.bucket import Bucket


def make_bucket(
    settings: Settings,
    connections: int = DEFAULT_CONCURRENCY,
    *,
    name: str | None = None,
    copies: bool = False,
) -> "Bucket":
    """Create the bucket, with a client of at most that many connections, for copies or not."""
    from worker.storage.client import make_client
    from worker.storage.objects.bucket import Bucket

    return Bucket(make_client(connections, copies=copies), name or bucket_name(settings))


def storage_classes(
    settings: Settings, name: str | None = None
) -> "tuple[Bucket, S3StorageClasses]":
    """Create the bucket, with connections enough for copies in parts, and its storage classes."""
    from worker.storage.manage.copy_parts import CONCURRENT_PARTS
    from worker.storage.manage.storage_classes import S3StorageClasses

    connections = DEFAULT_CONCURRENCY * CONCURRENT_PARTS
    bucket = make_bucket(settings, connections, name=name, copies=True)
    return bucket, S3StorageClasses(bucket)


def encryption(settings: Settings) -> dict[str, str]:
    """Return the request arguments for the encryption that is set."""
    asked = {
        "ServerSideEncryption": settings.server_side_encryption,
        "SSEKMSKeyId": settings.kms_key_id,
    }
    return {name: value for name, value in asked.items() if value}


def require_bucket(settings: Settings, named: Any) -> None:
    """Raise InvalidRequest for a bucket that is neither the installation's nor of the list."""
    if named is not None and named not in (settings.s3_bucket, *settings.order_buckets):
        raise InvalidRequest(
            f"orders may not name the bucket {named!r:.100}: ONEPREFIX_ORDER_BUCKETS does not"
        )
