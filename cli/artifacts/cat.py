"""`oneprefix cat`: prints one file of a run's archive without downloading the archive."""

import sys
from base64 import b64encode
from codecs import getincrementaldecoder
from collections.abc import Iterable
from typing import Annotated

import typer
from rich.text import Text

from cli.arguments import JobId, RunId
from cli.artifacts.contents import say_transfer, transfer
from cli.output import Json, console, errors, print_json, print_line
from cli.services import configured_services
from worker.printable import printable


def cat(
    job: JobId,
    run: RunId,
    name: Annotated[str, typer.Argument(help="The file's name as `oneprefix contents` shows it.")],
    as_json: Json = False,
) -> None:
    """Print a file of a run's archive; exit code 1 if its CRC-32 is wrong, once it is printed.

    On a terminal, bytes that it might obey are shown as escapes.
    """
    with configured_services(as_json) as services, services.read_archive(job, run) as archive:
        member = archive.find(name)
        chunks = archive.opened.read(member)
        if as_json:
            content = b64encode(b"".join(chunks)).decode()
            row = {"name": member.name, "size": member.size, "crc32": f"{member.crc:08x}"}
            print_json(row | transfer(archive.file) | {"base64": content})
            return
        if console.is_terminal:
            _show(chunks)
        else:
            for chunk in chunks:
                sys.stdout.buffer.write(chunk)
            sys.stdout.buffer.flush()
        say_transfer(archive.file, member.name)


def _show(chunks: Iterable[bytes]) -> None:
    """Print on a terminal, with escapes for whatever it would obey; say so if there is any."""
    decoder = getincrementaldecoder("utf-8")(errors="surrogateescape")
    is_exact = True
    for chunk in (*chunks, b""):
        text = decoder.decode(chunk, final=not chunk)
        shown = printable(text, keep="\n\t")
        is_exact &= shown == text
        console.print(Text(shown), end="", soft_wrap=True)  # a string would be one line
    if not is_exact:
        print_line(
            "Unprintable bytes are shown as escapes; `| cat` prints them as they are.", errors
        )
