"""`oneprefix ls`: the artifacts under a job's prefix, and the results that are missing."""

from dataclasses import asdict
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table
from rich.tree import Tree

from cli.arguments import JobId
from cli.output import Json, console, print_json
from cli.services import configured_services
from worker.models.upload import UploadState
from worker.use_cases.job.find import Findings, FoundArtifact, Missing
from worker.wording import counted, human_size


def ls(
    job: JobId,
    as_tree: Annotated[bool, typer.Option("--tree", help="Group by run.")] = False,
    as_json: Json = False,
) -> None:
    """List a job's artifacts, and the runs whose results have not landed."""
    with configured_services(as_json) as services:
        findings = services.find_artifacts(job)
    if as_json:
        print_json(asdict(findings))
        return
    console.print(_tree(findings) if as_tree else _table(findings))
    for missing in findings.missing:
        console.print(_told(missing), soft_wrap=True)
    console.print(f"{counted(len(findings.found), 'artifact')}, {human_size(findings.size)}")


def _told(missing: Missing) -> str:
    if missing.state is UploadState.LANDED and missing.deleted_at:
        by = f"{missing.deleted_by} at {missing.deleted_at:%Y-%m-%d %H:%M:%S} UTC"
        return f"[yellow]run {missing.run_id} was deleted[/] by {escape(by)}"
    return f"[yellow]run {missing.run_id} is not there:[/] {escape(missing.why)}"


def _table(findings: Findings) -> Table:
    table = Table("run", "artifact", "size", "class", "landed", "checksum", box=None)
    is_moved = any(each.bucket != findings.bucket for each in findings.found)
    if is_moved:
        table.add_column("bucket")
    for each in findings.found:
        table.add_row(
            str(each.run_id or ""),
            escape(_name(each, findings)),
            human_size(each.size),
            escape(each.storage_class),
            f"{each.landed_at:%Y-%m-%d %H:%M:%S}",
            escape(each.checksum or ""),
            *([escape(each.bucket)] if is_moved else []),
        )
    return table


def _tree(findings: Findings) -> Tree:
    tree = Tree(f"[bold]{findings.prefix}/[/]")
    branches: dict[int | None, Tree] = {None: tree}
    for each in findings.found:
        if each.run_id not in branches:
            branches[each.run_id] = tree.add(f"run {each.run_id}")
        where = f"  in {escape(each.bucket)}" if each.bucket != findings.bucket else ""
        line = f"{escape(_name(each, findings))}  {human_size(each.size)}{where}"
        branches[each.run_id].add(line)
    return tree


def _name(found: FoundArtifact, findings: Findings) -> str:
    return found.key.removeprefix(findings.prefix + "/")
