"""What the use cases that take a job and perhaps a run have in common."""

from worker.errors import ArtifactNotFound, InvalidObjectUrl, OneprefixError, RunNotInJob
from worker.models.job import Run
from worker.models.job_s3_prefix import JobS3Prefix
from worker.use_cases.ports import ArtifactStore, JobRepository, RunRepository


def prefix_of(
    jobs: JobRepository, runs: RunRepository, job_id: int, run_id: int | None = None
) -> JobS3Prefix:
    """The job's prefix; JobNotFound, RunNotFound or RunNotInJob."""
    job = jobs.get(job_id)
    if run_id is not None:
        run = runs.get(run_id)
        if run.job_id != job.id:
            raise RunNotInJob(f"the run belongs to job {run.job_id}", job_id=job_id, run_id=run_id)
    return JobS3Prefix.from_job(job)


def results_missing(run: Run, prefix: JobS3Prefix, store: ArtifactStore) -> OneprefixError:
    """Why nothing lies where the run's results should."""
    key = prefix.run_results_key(run.id)
    ids = {"job_id": run.job_id, "run_id": run.id}
    if run.results_url is None:
        why = f"its results have not landed; `oneprefix ls {run.job_id}` says why"
        return ArtifactNotFound(why, **ids)
    try:
        elsewhere = store.elsewhere(run.results_url, key)
    except InvalidObjectUrl as error:
        return error.concerning(**ids)
    if elsewhere is None:
        return ArtifactNotFound(f"its results had landed, but {key} is gone", **ids)
    return ArtifactNotFound(
        f"its results_url names {elsewhere}, and nothing lies under {key} of our own bucket", **ids
    )
