"""Runs a plan: prints its tables, and writes them with their JSON and two pictures."""

import argparse
from pathlib import Path

from benchmarks.data_sets import default_cache
from benchmarks.machine import machine
from benchmarks.measurements import measured, missing
from benchmarks.output import remark, say
from benchmarks.peers import PROJECT
from benchmarks.pictures import draw
from benchmarks.plans import PLANS
from benchmarks.report import Report
from benchmarks.session import Session
from benchmarks.sink.check import require_strict
from benchmarks.sink.client import running
from benchmarks.tables import tables


def main() -> None:
    options = _options()
    plan = PLANS[options.plan]
    report = Report(plan.name, machine() | _unusual(options), missing())
    for peer, reason in report.skipped.items():
        remark(f"{peer} is skipped: {reason}")
    options.cache.mkdir(parents=True, exist_ok=True)
    with running(*_of_sink(options)) as sink:
        require_strict(sink)
        session = Session(sink, options.seed, options.cache, _of_ours(options))
        measured(plan, session, report)
    report.save(options.reports / f"{plan.name}.json")
    text = tables(report, plan.sets)
    (options.reports / f"{plan.name}.md").write_text(text)
    say(text)
    draw(report, options.throughput, options.memory)


def _unusual(options: argparse.Namespace) -> dict[str, str]:
    """What was asked for beside the plan, and changes its numbers."""
    given = ((name, getattr(options, name)) for name in ("rate", "delay", "threads", "connections"))
    return {name: f"{value:g}" for name, value in given if value}


def _of_sink(options: argparse.Namespace) -> tuple[str, ...]:
    return (f"--rate={options.rate}", f"--delay={options.delay}")


def _of_ours(options: argparse.Namespace) -> tuple[str, ...]:
    given = {"threads": options.threads, "connections": options.connections}
    return tuple(f"--{name}={value}" for name, value in given.items() if value)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("plan", choices=PLANS)
    parser.add_argument("--seed", type=int, default=1, help="of the data sets")
    parser.add_argument("--cache", type=Path, default=default_cache(), help="keeps data sets")
    parser.add_argument("--reports", type=Path, default=PROJECT / "benchmarks" / "reports")
    images = PROJECT / "docs" / "images"
    parser.add_argument("--throughput", type=Path, default=images / "bench-throughput.svg")
    parser.add_argument("--memory", type=Path, default=images / "bench-memory.svg")
    parser.add_argument("--threads", type=int, help="that ours deflates with")
    parser.add_argument("--connections", type=int, help="that ours sends on")
    parser.add_argument("--rate", type=float, default=0, help="MB/s of each connection; 0: all")
    parser.add_argument("--delay", type=float, default=0, help="ms that each answer waits")
    return parser.parse_args()


if __name__ == "__main__":
    main()
