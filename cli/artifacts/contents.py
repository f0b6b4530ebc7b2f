"""`oneprefix contents`: lists the files in a run's archive without downloading the archive."""

from typing import TYPE_CHECKING, Any

from cli.arguments import JobId, RunId
from cli.output import Json, errors, print_json, print_line, print_lines
from cli.services import configured_services
from worker.models.archive import ArchiveMember
from worker.wording import counted, human_size

if TYPE_CHECKING:
    from worker.storage.objects.seekable_object import RangeReader


def contents(job: JobId, run: RunId, as_json: Json = False) -> None:
    """List the files in a run's archive: size, time and name, with unprintable letters escaped."""
    with configured_services(as_json) as services, services.read_archive(job, run) as archive:
        members = archive.opened.members
    if as_json:
        rows = [_row(each) for each in members]
        print_json({"job_id": job, "run_id": run, **transfer(archive.file), "members": rows})
        return
    for each in members:
        at = f"{each.modified_at:%Y-%m-%d %H:%M:%S}" if each.modified_at else "-"
        print_lines(f"{each.size:>12}  {at:19}  {each.shown}")  # escaped once
    say_transfer(archive.file, counted(len(members), "member"))


def _row(member: ArchiveMember) -> dict[str, Any]:
    return {
        "name": member.name,
        "shown": member.shown,
        "size": member.size,
        "compressed_size": member.compressed_size,
        "crc32": f"{member.crc:08x}",
        "modified_at": member.modified_at,
    }


def transfer(file: "RangeReader") -> dict[str, int]:
    """Return for JSON how much of the archive was transferred."""
    return {
        "archive_size": file.size,
        "transferred": file.transferred,
        "requests": file.requests,
    }


def say_transfer(file: "RangeReader", what: str) -> None:
    """Print on standard error how much of the archive was transferred."""
    moved, whole = human_size(file.transferred), human_size(file.size)
    line = f"{what}; transferred {moved} of {whole} in {counted(file.requests, 'request')}"
    print_line(line, errors)
