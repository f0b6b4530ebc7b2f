"""Decides from a listing which scattered objects of a job belong under which keys; no I/O."""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from worker.models.artifact import ArtifactId, ArtifactKind
from worker.models.job import Run
from worker.models.job_s3_prefix import ALL_JOBS, JobS3Prefix
from worker.models.stored_object import StoredObject
from worker.models.upload import Upload
from worker.models.upload_request import MAX_ID

#: What keys begin with before the job's id: those under prefixes, and the old ones.
STEMS = (ALL_JOBS, "results/job_")

_RESULTS = ArtifactKind.RUN_RESULTS
_OLD_RESULTS = re.compile(r"results/job_\d+/run_([1-9]\d*)\.zip", re.ASCII)
#: A timestamp between the job and the name, in any form: a date has eight digits at least.
_TIMESTAMP = re.compile(r"(?=(?:\D*\d){8})[\d/:._TZ+-]+", re.ASCII)
_JOB_ID = re.compile(r"([1-9]\d*)/", re.ASCII)


class Reason(StrEnum):
    """Why an object stays where it is."""

    UNKNOWN = "unknown"
    NO_SUCH_JOB = "no_such_job"
    NO_SUCH_RUN = "no_such_run"
    UNDER_WAY = "upload_under_way"
    """Of any run of the job."""
    CONFLICT = "conflict"
    YOUNGER = "younger_than_the_order"


@dataclass(frozen=True, slots=True)
class Kept:
    found: StoredObject
    reason: Reason
    why: str = ""


@dataclass(frozen=True, slots=True)
class Candidates:
    """The objects that claim an artifact's key, and the one that stands there."""

    job_id: int
    artifact: ArtifactId
    key: str
    run: Run | None
    scattered: tuple[StoredObject, ...]
    standing: StoredObject | None = None
    upload: Upload | None = None
    """The upload of the run's results; None for other artifacts."""

    @property
    def all(self) -> tuple[StoredObject, ...]:
        return (*self.scattered, self.standing) if self.standing else self.scattered

    @property
    def is_contested(self) -> bool:
        return len(self.all) > 1


@dataclass(frozen=True, slots=True)
class Move:
    source: StoredObject
    key: str
    replaces: StoredObject | None = None
    """The object that stands under the key, to be kept under the key `aside`."""
    is_copied: bool = False
    """Whether an earlier migration, which broke off, has made the copy."""

    @property
    def aside(self) -> str:
        return f"{self.key}.superseded-{self.replaces.etag}" if self.replaces else ""


@dataclass(frozen=True, slots=True)
class Decision:
    moves: tuple[Move, ...] = ()
    left: tuple[Kept, ...] = ()


def job_part(key: str) -> str:
    """The part of a key from its stem to the slash after the job; keys sort by it in each stem."""
    stem = next((stem for stem in STEMS if key.startswith(stem)), "")
    job, slash, _ = key[len(stem) :].partition("/")
    return job + slash


def job_id_of(part: str) -> int | None:
    """The job's id; None if the part is no id and a slash."""
    match = _JOB_ID.fullmatch(part)
    return int(match[1]) if match and len(part) < 21 and int(match[1]) <= MAX_ID else None


def sort_out(
    prefix: JobS3Prefix,
    runs: Mapping[int, Run],
    listed: Iterable[StoredObject],
    uploads: Mapping[int, Upload],
) -> tuple[list[Candidates], list[Kept]]:
    """Sort the job's objects into candidates for its artifacts' keys and objects that stay."""
    standing: dict[str, StoredObject] = {}
    scattered: dict[ArtifactId, list[StoredObject]] = {}
    left: list[Kept] = []
    for each in listed:
        if each.key.startswith(prefix.folder):
            standing[each.key] = each
        elif (artifact := _artifact_of(each.key, prefix)) is None:
            left.append(Kept(each, Reason.UNKNOWN))
        elif artifact.run_id and artifact.run_id not in runs:
            left.append(Kept(each, Reason.NO_SUCH_RUN))
        else:
            scattered.setdefault(artifact, []).append(each)
    found = [
        Candidates(
            job_id=prefix.job_id,
            artifact=artifact,
            key=artifact.key(prefix),
            run=runs.get(artifact.run_id or 0),
            scattered=tuple(objects),
            standing=standing.get(artifact.key(prefix)),
            upload=uploads.get(artifact.run_id or 0) if artifact.kind is _RESULTS else None,
        )
        for artifact, objects in scattered.items()
    ]
    return found, left


def _artifact_of(key: str, prefix: JobS3Prefix) -> ArtifactId | None:
    """The artifact that an old key of the job names; None if it names none."""
    if match := _OLD_RESULTS.fullmatch(key):
        return ArtifactId(_RESULTS, int(match[1]))
    middle, _, name = key.removeprefix(f"{ALL_JOBS}{prefix.job_id}/").rpartition("/")
    if not _TIMESTAMP.fullmatch(middle):
        return None
    return ArtifactId.at(prefix.folder + name, prefix)


def decide(
    candidates: Candidates, *, copied: Collection[str] = (), complete: Collection[str] = ()
) -> Decision:
    """The newest complete candidate gets the key; the others stay.

    `copied`: keys of objects whose copy stands already; they are only to be recorded and deleted.
    `complete`: keys of complete objects, needed where the key is contested.
    """
    scattered, standing = candidates.scattered, candidates.standing
    if copied:
        winners = [each for each in scattered if each.key in copied]
        moves = [Move(each, candidates.key, is_copied=True) for each in winners]
    else:
        winners = _newest(candidates, complete)
        moves = [Move(each, candidates.key, standing) for each in winners if each != standing]
    others = [each for each in scattered if each not in winners]
    why = f"{winners[0].key} is kept instead" if winners else "no candidate is complete"
    left = [Kept(each, Reason.CONFLICT, why) for each in others]
    return Decision(tuple(moves), tuple(left))


def _newest(candidates: Candidates, complete: Collection[str]) -> list[StoredObject]:
    """The winner, or nothing. Of equal age the standing object wins, then the later key."""
    rivals = [
        each for each in candidates.all if not candidates.is_contested or each.key in complete
    ]
    rivals.sort(key=lambda each: (each.modified_at, each is candidates.standing, each.key))
    return rivals[-1:]
