"""`oneprefix put`: uploads a job's other artifacts, or prints a presigned URL for doing so."""

import shlex
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from cli.arguments import DryRun, Expires, JobId, Yes, with_optional_run
from cli.output import Json, errors, print_json, print_line
from cli.services import configured_services
from worker.models.artifact import ArtifactId, ArtifactKind
from worker.models.presigned_url import UploadLocation
from worker.use_cases.job.upload_urls import HOUR
from worker.wording import human_size


def put(
    job: JobId,
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="[RUN] KIND FILE",
            help="KIND is config or input for a job, config or logs for a run.",
        ),
    ],
    location: Annotated[
        bool,
        typer.Option(
            "--location",
            help="Print a curl command with a presigned URL instead; FILE may be omitted.",
        ),
    ] = False,
    expires: Expires = None,
    dry_run: DryRun = False,
    yes: Yes = False,  # noqa: ARG001  one convention for all; this command never asks
    as_json: Json = False,
) -> None:
    """Upload a configuration, a job's input or a run's logs."""
    run, (kind, *files) = with_optional_run(words, least=1 if location else 2, most=2)
    artifact = ArtifactId(_kind(kind, of_run=run is not None), run)
    if expires and not location:
        raise typer.BadParameter("--expires is for --location")
    if dry_run and location:
        raise typer.BadParameter("--location sends nothing, so that there is nothing to --dry-run")
    with configured_services(as_json) as services:
        if location:
            found = services.submit_artifact(job, artifact, expires or HOUR)
            _show_location(found, files[0] if files else "FILE", as_json)
            return
        put_artifact = services.put_artifact.plan if dry_run else services.put_artifact
        stored = put_artifact(job, artifact, Path(files[0]))
    if as_json:
        print_json(asdict(stored) | {"dry_run": dry_run})
    else:
        told = "  to be uploaded" if dry_run else ""
        print_line(f"{stored.key}  {human_size(stored.size)}  {stored.checksum}{told}")


def _kind(name: str, *, of_run: bool) -> ArtifactKind:
    of = "run" if of_run else "job"
    names = ("config", "logs") if of_run else ("config", "input")
    if name not in names:
        raise typer.BadParameter(f"a {of} has {' or '.join(names)}, not {name!r}")
    return ArtifactKind(f"{of}_{name}")


def _show_location(found: UploadLocation, file: str, as_json: bool) -> None:
    if as_json:
        print_json({"method": "PUT"} | asdict(found))
        return
    headers = [part for name in found.headers for part in ("-H", f"{name}: {found.headers[name]}")]
    command = shlex.join(["curl", "--fail", "--upload-file", file, *headers, found.url])
    print_line(command)
    errors.print(f"Valid until {found.expires_at:%Y-%m-%d %H:%M:%S} UTC.")
