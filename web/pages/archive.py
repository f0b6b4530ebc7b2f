"""What a run's archive holds, and a look at one of its members, read by range."""

from codecs import getincrementaldecoder
from collections.abc import Iterator
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from web.live import View, shown
from web.pages.run import ids
from web.preview.bytes import MOST_OF_A_TEXT, MOST_OF_AN_IMAGE, first_bytes
from web.preview.image import image_of
from web.preview.plot import Plot, plot_of
from web.preview.table import Table, table_of
from web.query import PAGE, Query
from web.site import Site
from web.tables import as_table
from worker.errors import InvalidRequest, MemberNotFound
from worker.models.archive import ArchiveMember
from worker.use_cases.job.read import RemoteArchive

COLUMNS = ("name", "size", "compressed_size", "crc32", "modified_at")
#: Endings of names whose members are shown as an image, if their bytes begin as one does.
IMAGES = (".png", ".jpg", ".jpeg", ".gif", ".webp")


def files(site: Site, request: Request) -> Response:
    """Answer `/jobs/12/runs/4/files`."""
    job_id, run_id = ids(request)
    query, part = Query.of(request.query_params), request.query_params.get("name", "")
    with site.services.glance_at_archive(job_id, run_id) as archive:
        members = list(archive.opened.members)
    found = [each for each in members if part.casefold() in each.shown.casefold()]
    if query.format:
        return as_table(_rows(found), COLUMNS, query.format, f"job-{job_id}-run-{run_id}-files")
    values = {
        "job_id": job_id,
        "run_id": run_id,
        "members": found[query.offset : query.offset + PAGE],
        "found": len(found),
        "count": len(members),
        "unpacked": sum(each.size for each in members),
        "file": archive.file,
        "last_written": max((e.modified_at for e in members if e.modified_at), default=None),
        "query": query,
        "name": part,
        "has_more": len(found) > query.offset + PAGE,
    }
    return shown(request, View("files.html", values))


def file(site: Site, request: Request) -> Response:
    """Answer `/jobs/12/runs/4/file?name=…`: the beginning of a text, a table or an image."""
    job_id, run_id = ids(request)
    with site.services.glance_at_archive(job_id, run_id) as archive:
        member = _member(archive, request.query_params.get("name", ""))
        is_image = member.name.lower().endswith(IMAGES)
        content = b"" if is_image else first_bytes(archive, member, MOST_OF_A_TEXT)
    is_cut = len(content) < member.size
    text = None if is_image or b"\0" in content else _text(content, is_cut=is_cut)
    table = table_of(text, member.name, is_whole=not is_cut) if text else None
    values = {
        "job_id": job_id,
        "run_id": run_id,
        "member": member,
        "is_image": is_image,
        "is_cut": is_cut,
        "most": MOST_OF_AN_IMAGE if is_image else MOST_OF_A_TEXT,
        "text": text,
        "table": table,
        "plot": _plot(table, request),
        "file": archive.file,
    }
    return shown(request, View("file.html", values))


def image(site: Site, request: Request) -> Response:
    """Answer `/jobs/12/runs/4/image?name=…`: the image's bytes, of a type that they show."""
    job_id, run_id = ids(request)
    with site.services.glance_at_archive(job_id, run_id) as archive:
        member = _member(archive, request.query_params.get("name", ""))
        content = first_bytes(archive, member, MOST_OF_AN_IMAGE)
        if len(content) < member.size:
            raise InvalidRequest(f"{member.shown} is larger than a page shows")
    kind = image_of(content)
    if kind is None:
        raise InvalidRequest(f"{member.shown} is no PNG, JPEG, GIF or WebP that a page shows")
    safe = {
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Content-Disposition": "inline",
    }
    return Response(content, media_type=kind, headers=safe)


def _member(archive: RemoteArchive, name: str) -> ArchiveMember:
    """The member by the name that pages show, which no two members' share by mistake."""
    found = [each for each in archive.opened.members if each.shown == name]
    if not found or found[-1].is_directory:
        raise MemberNotFound(f"the archive holds no file {name!r:.200}")
    return found[-1]


def _text(content: bytes, *, is_cut: bool) -> str:
    """The bytes as text; those that are no UTF-8 are shown as escapes."""
    decoder = getincrementaldecoder("utf-8")("surrogateescape")
    return decoder.decode(content, final=not is_cut)


def _plot(table: Table | None, request: Request) -> Plot | None:
    wanted = request.query_params
    return plot_of(table, wanted.get("x"), wanted.getlist("y")) if table else None


def _rows(members: list[ArchiveMember]) -> Iterator[dict[str, Any]]:
    for each in members:
        row = (each.shown, each.size, each.compressed_size, f"{each.crc:08x}", each.modified_at)
        yield dict(zip(COLUMNS, row, strict=True))
