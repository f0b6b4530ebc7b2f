"""`oneprefix migrate`: moves artifacts from old keys under their jobs' prefixes."""

import sys
from collections import Counter
from dataclasses import dataclass, field
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from cli.arguments import DryRun, JobIds, Yes
from cli.output import Json, console, errors, print_error, print_json, print_line
from cli.services import configured_services
from worker.errors import OneprefixError
from worker.use_cases.migration.migrate import MigrateArtifacts
from worker.use_cases.migration.plan import Decision, Kept, Move
from worker.wording import counted, human_size


def migrate(
    jobs: JobIds = None,
    everything: Annotated[bool, typer.Option("--all", help="Artifacts of every job.")] = False,
    apply: Yes = False,
    dry_run: DryRun = False,
    limit: Annotated[int, typer.Option(min=0, help="Show at most so many; all are counted.")] = 20,
    as_json: Json = False,
) -> None:
    """Move artifacts from old keys to their keys under the job's prefix.

    Without --yes or --dry-run it shows them, and asks on a terminal.
    """
    if bool(jobs) is everything:
        raise typer.BadParameter("name jobs, or give --all")
    apply = apply and not dry_run
    asks = not (apply or dry_run or as_json) and sys.stdin.isatty() and sys.stdout.isatty()
    with configured_services(as_json) as services:
        tally = _settled(services.migrate_artifacts, jobs, limit, apply=apply)
        if not as_json:
            tally.show(applied=apply)
        if asks and tally.moves:
            if not typer.confirm("Move them?", err=True):
                print_error("nothing was moved")
                raise typer.Exit(1)
            tally = _settled(services.migrate_artifacts, jobs, limit, apply=True)
            tally.show(applied=True)
    if as_json:
        print_json({"applied": apply} | tally.as_dict())
    if tally.failures:
        raise typer.Exit(1)


def _settled(
    migrate_artifacts: MigrateArtifacts, jobs: list[int] | None, limit: int, *, apply: bool
) -> "_Tally":
    """Decide about each artifact; with `apply`, move it."""
    tally = _Tally(limit)
    with errors.status("Listing …") as status:
        for _, outcome in migrate_artifacts(jobs, apply=apply):
            tally.add(outcome)
            status.update(f"{counted(tally.moves, 'artifact')}, {human_size(tally.size)}")
    return tally


@dataclass(slots=True)
class _Tally:
    """Counts all outcomes; keeps the first `limit` moves and kept objects, and every failure."""

    limit: int
    moves: int = 0
    size: int = 0
    left: Counter[str] = field(default_factory=Counter)
    first_moves: list[Move] = field(default_factory=list)
    first_left: list[Kept] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def add(self, outcome: Decision | OneprefixError) -> None:
        if isinstance(outcome, OneprefixError):
            self.failures.append(str(outcome))
            print_error(str(outcome))
            return
        self.moves += len(outcome.moves)
        self.size += sum(move.source.size for move in outcome.moves)
        self.left.update(each.reason for each in outcome.left)
        self.first_moves += outcome.moves[: self.limit - len(self.first_moves)]
        self.first_left += outcome.left[: self.limit - len(self.first_left)]

    def as_dict(self) -> dict[str, Any]:
        return {
            "moves": self.moves,
            "bytes": self.size,
            "left": self.left,
            "failed": len(self.failures),
            "first_moves": [
                {
                    "from": each.source.key,
                    "to": each.key,
                    "bytes": each.source.size,
                    "superseded": each.aside or None,
                }
                for each in self.first_moves
            ],
            "first_left": [
                {"key": each.found.key, "reason": each.reason, "why": each.why}
                for each in self.first_left
            ],
            "failures": self.failures,
        }

    def show(self, *, applied: bool) -> None:
        console.print(self._table())
        for each in self.first_left:
            told = f"{_words(each.reason)}, {each.why}" if each.why else _words(each.reason)
            line = f"[yellow]stays:[/] {escape(each.found.key)}: {escape(told)}"
            console.print(line, soft_wrap=True)
        done = "moved" if applied else "to move; --apply does it"
        left = ", ".join(f"{count:,} {_words(reason)}" for reason, count in self.left.items())
        stay = f"; staying: {left}" if left else ""
        failed = f"; {len(self.failures):,} failed" if self.failures else ""
        found = f"{counted(self.moves, 'artifact')}, {human_size(self.size)}"
        print_line(f"{found} {done}{stay}{failed}")

    def _table(self) -> Table:
        table = Table("size", "from", "to", box=None)
        for each in self.first_moves:
            table.add_row(human_size(each.source.size), escape(each.source.key), escape(each.key))
            if each.replaces:
                table.add_row(human_size(each.replaces.size), escape(each.key), escape(each.aside))
        return table


def _words(reason: str) -> str:
    return reason.replace("_", " ")
