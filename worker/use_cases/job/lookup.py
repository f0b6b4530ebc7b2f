"""Looks up a job's prefix, and the reason why nothing is under it."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from worker.errors import (
    ArtifactNotFound,
    InvalidObjectUrl,
    InvalidRequest,
    OneprefixError,
    RunNotInJob,
)
from worker.models.artifact import ArtifactId, ArtifactKind
from worker.models.job_s3_prefix import JobS3Prefix
from worker.models.upload import Upload
from worker.use_cases.ports import JobRepository, RunRepository

if TYPE_CHECKING:
    from worker.storage.objects.bucket import Bucket


def prefix_of(
    jobs: JobRepository, runs: RunRepository, job_id: int, run_id: int | None = None
) -> JobS3Prefix:
    """The job's prefix; raises JobNotFound, and RunNotFound or RunNotInJob for a run."""
    job = jobs.get(job_id)
    if run_id is not None:
        run = runs.get(run_id)
        if run.job_id != job.id:
            raise RunNotInJob(f"the run belongs to job {run.job_id}", job_id=job_id, run_id=run_id)
    return JobS3Prefix.from_job(job)


def prefix_for_upload(
    jobs: JobRepository, runs: RunRepository, job_id: int, artifact: ArtifactId
) -> JobS3Prefix:
    """As `prefix_of`; raises InvalidRequest for results, which only workers upload."""
    if artifact.kind is ArtifactKind.RUN_RESULTS:
        raise InvalidRequest(
            "results are packed by workers: `oneprefix enqueue`",
            job_id=job_id,
            run_id=artifact.run_id,
        )
    return prefix_of(jobs, runs, job_id, artifact.run_id)


def run_of(key: str, prefix: JobS3Prefix) -> int | None:
    """The run whose artifact has this key; None if it is of the job itself, or no artifact's."""
    _, run_id = ArtifactId.at(key, prefix) or (None, None)
    return run_id


def nothing_found(
    runs: RunRepository,
    uploads: Iterable[Upload],
    bucket: "Bucket",
    prefix: JobS3Prefix,
    run_id: int | None,
) -> OneprefixError:
    """The error that says why nothing of the job, or of the run, is under the prefix."""
    gone = [each for each in uploads if each.is_gone and run_id in (None, each.run_id)]
    if gone:
        again = "`oneprefix enqueue … --replace` uploads them anew"
        why = f"its results were deleted {gone[-1].deletion}; {again}"
        return ArtifactNotFound(why, job_id=prefix.job_id, run_id=run_id)
    if run_id is None:
        return ArtifactNotFound("nothing has landed yet", job_id=prefix.job_id)
    run, key = runs.get(run_id), prefix.run_results_key(run_id)
    try:
        named = None if run.results_url is None else bucket.parse(run.results_url)
    except InvalidObjectUrl as error:
        return error.concerning(job_id=run.job_id, run_id=run.id)
    if named is None:
        why = f"its results have not landed; `oneprefix ls {run.job_id}` says why"
    elif named.key == key:
        where = key if named == (bucket.name, key, None) else str(named)
        why = f"its results had landed, but {where} is gone"
    else:
        why = f"its results_url names {named}, and nothing lies under {key} of our own bucket"
    return ArtifactNotFound(why, job_id=run.job_id, run_id=run.id)
