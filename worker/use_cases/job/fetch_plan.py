"""Decides which of a job's objects are downloaded to which files; no I/O."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from worker.models.artifact import ArtifactId
from worker.models.job_s3_prefix import JobS3Prefix
from worker.use_cases.job_objects import PlacedObject


@dataclass(frozen=True, slots=True)
class PlannedFetch:
    bucket: str
    key: str
    version_id: str | None
    """The version that the run's row names; None for the object that stands under the key."""
    run_id: int | None
    size: int
    """Bytes."""
    file: Path
    unpack_to: Path | None
    recorded: str | None
    """The checksum that the upload recorded, as `CRC32:base64`."""


@dataclass(frozen=True, slots=True)
class FetchPlan:
    job_id: int
    directory: Path
    fetches: list[PlannedFetch]
    others: list[str]
    """Keys under the prefix that are none of the job's artifacts; they are not downloaded."""

    @property
    def size(self) -> int:
        return sum(each.size for each in self.fetches)


def planned(
    objects: Iterable[PlacedObject],
    prefix: JobS3Prefix,
    run_id: int | None,
    directory: Path,
    *,
    unpack: bool,
    recorded: dict[str | None, str | None],
) -> FetchPlan:
    """`recorded`: checksums of uploads by key. Without `run_id`, all artifacts are planned."""
    plan = FetchPlan(prefix.job_id, directory, fetches=[], others=[])
    for bucket, each in objects:
        artifact = ArtifactId.at(each.key, prefix)
        if artifact is None:
            plan.others.append(each.key)
        elif run_id in (None, artifact.run_id):
            # ArtifactId.at takes only our own names, so that no key leads out of the directory
            file = directory / Path(each.key).name
            plan.fetches.append(
                PlannedFetch(
                    bucket=bucket.name,
                    key=each.key,
                    version_id=each.version_id,
                    run_id=artifact.run_id,
                    size=each.size,
                    file=file,
                    unpack_to=file.with_suffix("") if unpack and file.suffix == ".zip" else None,
                    recorded=recorded.get(each.key),
                )
            )
    return plan
