"""Judges the objects under a job's prefix by the rows of its uploads; no I/O."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from worker.models.artifact import ArtifactId, ArtifactKind
from worker.models.job_s3_prefix import JobS3Prefix
from worker.models.stored_object import StoredObject
from worker.models.upload import Upload
from worker.use_cases.job_objects import JobObjects, PlacedObject


class Verdict(StrEnum):
    VERIFIED = "verified"
    SIZE_ONLY = "size only"
    """The store keeps no checksum."""
    UNRECORDED = "unrecorded"
    """An artifact of a kind that no row records: configurations, inputs, logs."""
    UNKNOWN = "unknown"
    """No row records the object."""
    NOT_LANDED = "not landed"
    MISSING = "missing"
    DELETED = "deleted"
    """By `oneprefix delete`, after they had landed."""
    ELSEWHERE = "elsewhere"
    OTHER_SIZE = "another size"
    OTHER_CHECKSUM = "another checksum"
    DAMAGED = "damaged"
    ARCHIVED = "archived"
    """Its bytes can't be read until the object is restored."""
    UNREADABLE = "unreadable"

    @property
    def is_right(self) -> bool:
        """Whether nothing is known to be wrong; an object that no row records can't be wrong."""
        return self in (
            Verdict.VERIFIED,
            Verdict.SIZE_ONLY,
            Verdict.UNRECORDED,
            Verdict.UNKNOWN,
        )


@dataclass(frozen=True, slots=True)
class Judged:
    """One object, or one run that should have one."""

    key: str
    run_id: int | None
    verdict: Verdict
    detail: str
    bucket: str


@dataclass(frozen=True, slots=True)
class VerificationPlan:
    prefix: JobS3Prefix
    objects: JobObjects
    landed: list[Upload]
    """The uploads whose objects are to be compared."""
    settled: list[Judged]
    """Verdicts that need no comparison."""

    @property
    def size(self) -> int:
        """Bytes to be read with `deep`."""
        return sum(upload.archive_size or 0 for upload in self.landed)


@dataclass(frozen=True, slots=True)
class Verification:
    prefix: JobS3Prefix
    judged: list[Judged]
    """By run, then key."""

    @property
    def is_right(self) -> bool:
        """Whether every run's results have landed and are in S3 as they were recorded."""
        return all(each.verdict.is_right for each in self.judged)

    @property
    def counts(self) -> dict[Verdict, int]:
        counted = Counter(each.verdict for each in self.judged)
        return {verdict: counted[verdict] for verdict in Verdict if verdict in counted}


def strangers(
    prefix: JobS3Prefix, objects: Iterable[PlacedObject], uploads: Mapping[int, Upload]
) -> list[Judged]:
    """Verdicts on the objects that no row records."""
    judged: list[Judged] = []
    for bucket, each in objects:
        kind, run_id = ArtifactId.at(each.key, prefix) or (None, None)
        match kind:
            case None:
                verdict, detail = Verdict.UNKNOWN, "none of the job's artifacts"
            case ArtifactKind.RUN_RESULTS if run_id not in uploads:
                verdict, detail = Verdict.UNKNOWN, "no upload has a row for it"
            case ArtifactKind.RUN_RESULTS:
                continue
            case _:
                verdict, detail = Verdict.UNRECORDED, kind
        judged.append(Judged(each.key, run_id, verdict, detail, bucket.name))
    return judged


def compared(upload: Upload, key: str, found: StoredObject | None) -> tuple[Verdict, str]:
    """Compare a landed upload's row with HEAD's answer for its object; verdict and detail."""
    if upload.s3_key != key:
        return Verdict.ELSEWHERE, f"its row names {upload.s3_key}, not under the job's prefix"
    if found is None:
        missing = Verdict.MISSING, upload.error or "its object is gone"
        return (Verdict.DELETED, upload.deletion) if upload.is_gone else missing
    if found.size != upload.archive_size:
        return (
            Verdict.OTHER_SIZE,
            f"{found.size:,} bytes, its row says {upload.archive_size or 0:,}",
        )
    known = [("CRC-32", upload.checksum, found.checksum), ("SHA-256", upload.sha256, found.sha256)]
    for name, recorded, stored in known:
        if recorded and stored:
            if recorded != stored:
                return Verdict.OTHER_CHECKSUM, f"{stored}, its row says {recorded}"
            return Verdict.VERIFIED, f"size, {name}"
    return Verdict.SIZE_ONLY, "the store keeps no checksum; --deep reads every byte"
