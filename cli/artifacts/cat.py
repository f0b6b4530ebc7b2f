"""`oneprefix cat`: prints one file of a run's archive without downloading the archive."""

import sys
from base64 import b64encode
from typing import Annotated

import typer

from cli.arguments import JobId, RunId
from cli.artifacts.contents import say_transfer, transfer
from cli.output import Json, print_json
from cli.services import configured_services


def cat(
    job: JobId,
    run: RunId,
    name: Annotated[str, typer.Argument(help="The file's name as `oneprefix contents` shows it.")],
    as_json: Json = False,
) -> None:
    """Print a file of a run's archive; exit code 1 if its CRC-32 is wrong, once it is printed."""
    with configured_services(as_json) as services, services.read_archive(job, run) as archive:
        member = archive.find(name)
        chunks = archive.opened.read(member)
        if as_json:
            content = b64encode(b"".join(chunks)).decode()
            row = {"name": member.name, "size": member.size, "crc32": f"{member.crc:08x}"}
            print_json(row | transfer(archive.file) | {"base64": content})
            return
        for chunk in chunks:
            sys.stdout.buffer.write(chunk)
        sys.stdout.buffer.flush()
        say_transfer(archive.file, member.shown)
