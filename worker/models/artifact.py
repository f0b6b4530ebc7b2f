"""The artifacts of a job: their kinds, their keys, and the record of a stored one."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, Self

from worker.models.job_s3_prefix import JobS3Prefix


class ArtifactKind(StrEnum):
    JOB_CONFIG = "job_config"
    JOB_INPUT = "job_input"
    RUN_CONFIG = "run_config"
    RUN_RESULTS = "run_results"
    RUN_LOGS = "run_logs"

    @property
    def is_of_run(self) -> bool:
        """Whether the kind belongs to a run rather than to its job."""
        return self.startswith("run_")

    @property
    def content_type(self) -> str:
        return _CONTENT_TYPES[self]


_CONTENT_TYPES = {
    ArtifactKind.JOB_CONFIG: "application/json",
    ArtifactKind.JOB_INPUT: "application/zip",
    ArtifactKind.RUN_CONFIG: "application/json",
    ArtifactKind.RUN_RESULTS: "application/zip",
    ArtifactKind.RUN_LOGS: "text/plain; charset=utf-8",
}


class ArtifactId(NamedTuple):
    """Names one artifact of a job."""

    kind: ArtifactKind
    run_id: int | None = None

    @classmethod
    def at(cls, key: str, prefix: JobS3Prefix) -> Self | None:
        """The artifact whose key this is; None if it is the key of none."""
        name = key.removeprefix(prefix.folder)
        number = name.partition("_")[2].partition("_")[0] if name.startswith("run_") else ""
        run_id = int(number) if number.isascii() and number.isdecimal() and int(number) else None
        kinds = (kind for kind in ArtifactKind if kind.is_of_run == (run_id is not None))
        artifacts = (cls(kind, run_id) for kind in kinds)
        return next((each for each in artifacts if each.key(prefix) == key), None)

    def key(self, prefix: JobS3Prefix) -> str:
        """The artifact's key; raises InvalidId without a run where the kind needs one."""
        run_id = self.run_id or 0  # no run's id, so that making the key raises InvalidId
        match self.kind:
            case ArtifactKind.JOB_CONFIG:
                return prefix.job_config_key()
            case ArtifactKind.JOB_INPUT:
                return prefix.job_input_key()
            case ArtifactKind.RUN_CONFIG:
                return prefix.run_config_key(run_id)
            case ArtifactKind.RUN_RESULTS:
                return prefix.run_results_key(run_id)
            case ArtifactKind.RUN_LOGS:
                return prefix.run_logs_key(run_id)


@dataclass(frozen=True, slots=True)
class Artifact:
    """An artifact as it was sent to S3 and recorded."""

    key: str
    size: int
    """Bytes."""
    checksum: str
    """The checksum of the whole object that S3 verified, as `ALGORITHM:base64`."""
    sha256: str | None
    """Of the whole object, in hexadecimal; None for objects that were stored in parts."""
