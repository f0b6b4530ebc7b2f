"""`oneprefix status`: the state of each upload."""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Self

import typer
from rich.console import Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from cli.arguments import OptionalJobId
from cli.output import Json, as_row, console, print_json
from cli.services import configured_services, require_known
from cli.uploads.waiting import speed
from worker.models.upload import Upload, UploadState
from worker.models.upload_request import Refusal
from worker.wording import counted, human_size

if TYPE_CHECKING:
    from worker.database.uploads.upload_list import IncompleteUploadCounts, SqlUploadList

#: Seconds between two refreshes with --watch.
LOOK_EVERY = 1.0

_COLOURS = {
    UploadState.REQUESTED: "white",
    UploadState.UPLOADING: "cyan",
    UploadState.RETRYING: "yellow",
    UploadState.LANDED: "green",
    UploadState.FAILED: "red",
    UploadState.CANCELLED: "magenta",
}


def status(
    job: OptionalJobId = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Refresh every second until Ctrl-C.")
    ] = False,
    limit: Annotated[
        int, typer.Option(min=1, help="Show at most so many, the latest changes.")
    ] = 100,
    as_json: Json = False,
) -> None:
    """Show the state of each upload, and the messages that were refused."""
    with configured_services(as_json) as services, suppress(KeyboardInterrupt):
        require_known(services, job)
        looks = _looks(services.upload_list, job, limit, watch=watch)
        if watch and console.is_terminal and not as_json:
            with Live(console=console, auto_refresh=False) as live:
                for look in looks:
                    live.update(look.on_a_screen(console.height), refresh=True)
        for look in looks:
            if as_json:
                print_json(look.as_dict())
            else:
                console.print(look)


@dataclass(frozen=True, slots=True)
class Look:
    uploads: list[Upload]
    counts: dict[UploadState, int]
    deleted: int
    refusals: list[Refusal]
    incomplete_uploads: "IncompleteUploadCounts"

    @classmethod
    def at(cls, listed: "SqlUploadList", job: int | None, limit: int, *, urgent: bool) -> Self:
        """Look now: at the latest changes, or at what is under way or has failed first."""
        return cls(
            listed.most_urgent(job, limit=limit) if urgent else listed.uploads(job, limit=limit),
            listed.counts(job),
            listed.deleted(job),
            [] if job is not None else listed.refusals(limit=limit),
            listed.incomplete_uploads(),
        )

    def as_dict(self) -> dict[str, Any]:
        return {
            "counts": self.counts,
            "uploads": [as_row(upload) for upload in self.uploads],
            "open_multipart_uploads": self.incomplete_uploads._asdict(),
            "refused": [{"path": each.path, "error": each.reason} for each in self.refusals],
        }

    def __rich__(self) -> RenderableType:
        if not self.uploads and not self.refusals:
            return "No uploads."
        hidden = sum(self.counts.values()) - len(self.uploads)
        more = f"; {hidden:,} more with --limit" if hidden else ""
        counts = [self._totals + more] if self._totals else []
        return Group(table_of(self.uploads), *counts, *self._remarks)

    def on_a_screen(self, height: int) -> RenderableType:
        """Totals first, then as many uploads as fit, each on one line."""
        head = [self._totals or "No uploads.", *self._remarks][: height - 3]
        fits = max(0, height - len(head) - 2)
        table = table_of(self.uploads[:fits], one_line=True)
        for column in table.columns[:-1]:
            column.no_wrap = True
        return Group(*head, table)

    @property
    def _totals(self) -> str:
        shown = Counter[str](self.counts)
        shown[UploadState.LANDED] -= self.deleted
        shown["deleted"] = self.deleted
        return ", ".join(f"{count:,} {state}" for state, count in shown.items() if count)

    @property
    def _remarks(self) -> list[str]:
        waiting = self.incomplete_uploads.waiting
        parts = [f"{counted(waiting, 'interrupted upload')} will resume"] if waiting else []
        return parts + [f"[red]refused:[/] {escape(each.reason)}" for each in self.refusals]


def _looks(listed: "SqlUploadList", job: int | None, limit: int, *, watch: bool) -> Iterator[Look]:
    """Yield one look; with `watch`, go on for ever."""
    yield Look.at(listed, job, limit, urgent=watch)
    while watch:
        time.sleep(LOOK_EVERY)
        yield Look.at(listed, job, limit, urgent=watch)


def table_of(uploads: Sequence[Upload], *, remarks: bool = True, one_line: bool = False) -> Table:
    """Build a table with a row per upload; a remark is its location, holder or error.

    `one_line`: cut remarks to the room that they have.
    """
    table = Table("job", "run", "state", "done", "archive", "attempt", box=None)
    if remarks:
        table.add_column("", overflow="fold")
    for upload in uploads:
        cells = [
            str(upload.job_id),
            str(upload.run_id),
            "[magenta]deleted[/]"
            if upload.is_gone
            else f"[{_COLOURS[upload.state]}]{upload.state}[/]",
            _progress(upload),
            human_size(upload.archive_size),
            str(upload.attempt),
        ]
        remark = Text(
            _remark(upload), no_wrap=one_line, overflow="ellipsis" if one_line else "fold"
        )
        table.add_row(*cells, *([remark] if remarks else []))
    return table


def _progress(upload: Upload) -> str:
    if upload.bytes_total is None:
        return "-"
    return f"{human_size(upload.bytes_done)} of {human_size(upload.bytes_total)}"


def _remark(upload: Upload) -> str:
    if upload.is_gone:
        return f"deleted {upload.deletion}"
    if upload.state is UploadState.LANDED:
        return upload.results_url or upload.error or ""
    if upload.state is UploadState.UPLOADING:
        return ", ".join([f"on {upload.holder}", *speed(upload)])
    if upload.state is UploadState.REQUESTED and upload.next_attempt_at:
        return f"not before {upload.next_attempt_at:%Y-%m-%d %H:%M:%S} UTC"
    return upload.error or ""
