"""The objects of a job: under its prefix in our bucket, and where its rows say that results lie."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Self

from worker.errors import InvalidObjectUrl
from worker.models.job import Run
from worker.models.job_s3_prefix import JobS3Prefix
from worker.models.stored_object import ObjectUrl, StoredObject
from worker.models.upload import Upload

if TYPE_CHECKING:
    from worker.storage.objects.bucket import Bucket


class PlacedObject(NamedTuple):
    """An object and the bucket in which it lies."""

    bucket: "Bucket"
    stored: StoredObject


@dataclass(frozen=True, slots=True)
class JobObjects:
    """Follows `archive --to-bucket`, which moves all of a job's objects and records its results'.

    What else was moved is found in the buckets that the results' rows name.
    """

    prefix: JobS3Prefix
    own: "Bucket"
    named: Mapping[str, ObjectUrl]
    """By key of results: the other bucket, or the version, that the rows name for them."""

    @classmethod
    def of(
        cls,
        prefix: JobS3Prefix,
        own: "Bucket",
        runs: Iterable[Run],
        uploads: Iterable[Upload],
    ) -> Self:
        # the orchestrator may have changed its row, so that it comes last and counts
        urls = [(each.run_id, each.results_url) for each in uploads]
        urls += [(each.id, each.results_url) for each in runs]
        named = {}
        for run_id, url in urls:
            key = prefix.run_results_key(run_id)
            if url and (found := _elsewhere(own, key, url)):
                named[key] = found
        return cls(prefix, own, named)

    def bucket_of(self, key: str) -> "Bucket":
        """The bucket in which the rows say that these results lie; our own for other keys."""
        return self.own.other(self.named[key].bucket) if key in self.named else self.own

    def find(self, key: str) -> PlacedObject | None:
        """The object as HEAD describes it, in the version that the rows name if they name one."""
        bucket, named = self.bucket_of(key), self.named.get(key)
        found = bucket.head(key, version=named.version if named else None)
        return PlacedObject(bucket, found) if found else None

    def list(self) -> list[PlacedObject]:
        """All objects, by key; of several under one key, the one that the rows name, or our own."""
        others = {named.bucket for named in self.named.values()} - {self.own.name}
        found: dict[str, PlacedObject] = {}
        for bucket in (self.own, *map(self.own.other, sorted(others))):
            for stored in bucket.list(self.prefix.folder):
                if stored.key not in found or self.bucket_of(stored.key).name == bucket.name:
                    found[stored.key] = PlacedObject(bucket, stored)
        for key in (key for key, named in self.named.items() if named.version):
            found.pop(key, None)  # a listing shows the newest version
            if placed := self.find(key):
                found[key] = placed
        return [found[key] for key in sorted(found)]


def _elsewhere(own: "Bucket", key: str, url: str) -> ObjectUrl | None:
    """The key's object as the URL names it; None for the one that stands in our own bucket."""
    try:
        named = own.parse(url)
    except InvalidObjectUrl:
        return None  # the same store may have been reached by another endpoint
    return named if named.key == key and named != ObjectUrl(own.name, key) else None
