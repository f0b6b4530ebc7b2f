"""`oneprefix ls`: the artifacts under a job's prefix, and the results that are missing."""

from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.tree import Tree

from cli.arguments import JobId
from cli.output import Json, console, human_size, print_json
from cli.services import configured_services
from worker.use_cases.job.find import Findings, FoundArtifact, Missing


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
    console.print(_missing(findings.missing), end="")
    console.print(
        f"{len(findings.found):,} artifacts, {human_size(findings.size)}", highlight=False
    )


def _table(findings: Findings) -> Table:
    table = Table("run", "artifact", "size", "class", "landed", "checksum", box=None)
    for each in findings.found:
        table.add_row(
            str(each.run_id or ""),
            escape(_name(each, findings)),
            human_size(each.size),
            each.storage_class,
            f"{each.landed_at:%Y-%m-%d %H:%M:%S}",
            each.checksum or "",
        )
    return table


def _tree(findings: Findings) -> Tree:
    tree = Tree(f"[bold]{findings.prefix}/[/]")
    branches: dict[int, Tree] = {}
    for each in findings.found:
        branch = tree
        if each.run_id:
            if each.run_id not in branches:
                branches[each.run_id] = tree.add(f"run {each.run_id}")
            branch = branches[each.run_id]
        branch.add(f"{escape(_name(each, findings))}  {human_size(each.size)}", highlight=False)
    return tree


def _missing(missing: list[Missing]) -> RenderableType:
    return Group(
        *(f"[yellow]run {each.run_id} is not there:[/] {escape(each.why)}" for each in missing)
    )


def _name(found: FoundArtifact, findings: Findings) -> str:
    return found.key.removeprefix(findings.prefix + "/")
