"""A job's artifacts on their way out."""

from dataclasses import dataclass

#: Objects that one request can delete.
#: https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html
MOST_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class ObjectVersion:
    """An object, one version of it, or a delete marker."""

    key: str
    version_id: str | None
    """None where the store keeps no versions."""
    size: int


@dataclass(frozen=True, slots=True)
class Deletion:
    """What is about to be deleted; `objects` counts versions and delete markers too."""

    job_id: int
    bucket: str
    prefix: str
    objects: int
    bytes: int
    incomplete_uploads: int
