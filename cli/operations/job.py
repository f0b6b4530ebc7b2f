"""`oneprefix job`: makes jobs and runs where no orchestrator does."""

from datetime import datetime
from typing import Annotated

import typer

from cli.arguments import JobId, WholeNumbers, instant, whole_numbers
from cli.output import Json, print_json, print_line
from cli.services import configured_services
from worker.wording import counted

app = typer.Typer(help="Make jobs and runs where no orchestrator does.", no_args_is_help=True)


@app.command()
def add(
    job: JobId,
    runs: Annotated[
        WholeNumbers,
        typer.Option(parser=whole_numbers, metavar="RUNS", help="Ids of its runs, as 4,5 or 1-40."),
    ],
    created_at: Annotated[
        datetime | None,
        typer.Option(
            parser=instant,
            metavar="TIME",
            help="When it was created, as 2026-01-31T18:00+01:00; now by default.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Insert a job and its runs into the tables `jobs` and `runs`; what is there stays as it is."""
    from worker.models.job_s3_prefix import JobS3Prefix

    with configured_services(as_json) as services:
        made = services.jobs.add(job, runs, created_at)
        prefix = JobS3Prefix.from_job(made).folder
    if as_json:
        print_json(
            {"job_id": made.id, "created_at": made.created_at, "runs": runs, "prefix": prefix}
        )
        return
    print_line(f"job {made.id} with {counted(len(runs), 'run')}: its results go to {prefix}")
