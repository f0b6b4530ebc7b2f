"""`oneprefix workers`: which workers are alive, and what they work on."""

from collections import defaultdict
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from cli.output import Json, console, print_json
from cli.services import configured_services
from worker.models.upload import Upload, UploadState

if TYPE_CHECKING:
    from tasks.messaging.live_workers import LiveWorker

NONE_ALIVE = (
    "No worker answers: start one with `oneprefix up` or `celery -A tasks worker`"
    " (those with ONEPREFIX_REMOTE_CONTROL=off never do)."
)


def workers(as_json: Json = False) -> None:
    """Show the workers that are alive, and the uploads that each process carries out."""
    from tasks.app import app
    from tasks.messaging.live_workers import live_workers

    with configured_services(as_json) as services:
        alive = live_workers(app)
        under_way = services.upload_list.uploads(state=UploadState.UPLOADING)
    by_process = _by_process(under_way)
    shown = [
        (each, [u for pid in each.processes for u in by_process[_host(each), pid]])
        for each in alive
    ]
    if as_json:
        print_json({"workers": [_as_dict(worker, uploads) for worker, uploads in shown]})
    else:
        console.print(_table(shown) if shown else NONE_ALIVE)


def _host(worker: "LiveWorker") -> str:
    return worker.name.partition("@")[2]


def _by_process(uploads: list[Upload]) -> dict[tuple[str, int], list[Upload]]:
    """Return the uploads by the host and the process id of who holds them."""
    found = defaultdict[tuple[str, int], list[Upload]](list)
    for upload in uploads:
        host, _, pid = upload.holder.rpartition(":")
        if pid.isdecimal():
            found[host, int(pid)].append(upload)
    return found


def _as_dict(worker: "LiveWorker", uploads: list[Upload]) -> dict[str, object]:
    works_on = [{"job_id": each.job_id, "run_id": each.run_id} for each in uploads]
    return asdict(worker) | {"uploads": works_on}


def _table(shown: "list[tuple[LiveWorker, list[Upload]]]") -> Table:
    table = Table("worker", "pid", "up for", "processes", "works on", box=None)
    for worker, uploads in shown:
        table.add_row(
            escape(worker.name),
            str(worker.pid),
            str(timedelta(seconds=worker.up_seconds)),
            str(len(worker.processes)),
            ", ".join(each.title for each in uploads) or "-",
        )
    return table
