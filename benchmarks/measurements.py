"""What a plan asks for, measured in alternation, so that a busy minute meets everybody."""

from collections.abc import Iterator

from benchmarks.micro import Result
from benchmarks.peers import OLD_CODE, OURS, PEERS, Peer
from benchmarks.plans import Plan
from benchmarks.report import Report, Series
from benchmarks.session import Session
from benchmarks.sink.client import BUCKET

#: With which connections the memory over idle is measured.
CONNECTIONS = (2, 8)
#: By what each data set is timed inside a process: ours, and the floor's name.
INSIDE = {
    "A": ("pack", "deflating"),
    "B": ("pack", "small-files"),
    "C": ("upload", "sending"),
    "D": ("pack", "deflating"),
}


def missing() -> dict[str, str]:
    """The peers that can't run here, and why."""
    return {peer.name: f"no {' and no '.join(peer.missing)} here" for peer in PEERS if peer.missing}


def measured(plan: Plan, session: Session, report: Report) -> None:
    for module in ("ours", "floors", "micro"):
        session.run_module(module, "--help")  # compiles what is imported, once
    for data_set in dict.fromkeys(plan.sets.values()):
        report.whole += _whole(plan, session, data_set)
    for family in INSIDE:
        report.inside += _inside(plan, session, family)
    report.stages += _stages(plan, session)
    report.tasks = session.run_module("tasks", f"--port={session.sink.port}").result
    report.memory += _over_idle(plan, session)
    report.memory += _growing(plan, session)  # last: it fills the page cache


def _whole(plan: Plan, session: Session, data_set: str) -> list[Series]:
    peers = plan.peers(data_set)
    series = {peer: session.series(data_set, peer.name) for peer in peers}
    for repeat in range(plan.repeats):
        for peer in peers:
            if repeat < plan.repeats_of(peer):
                session.run_peer(peer, series[peer])
    return list(series.values())


def _inside(plan: Plan, session: Session, family: str) -> list[Series]:
    data_set, (way, floor) = plan.sets[family], INSIDE[family]
    run, port = session.directory(data_set), session.sink.port
    bucket = [f"--bucket={BUCKET}", "--idle-first"] if way == "upload" else []
    ours, least = session.series(data_set, way), session.series(data_set, "floor")
    for _ in range(plan.repeats):
        session.run_inside(least, "floors", floor, run, f"--port={port}")
        session.run_inside(ours, "ours", run, *bucket, *session.ours)
    return [ours, least]


def _over_idle(plan: Plan, session: Session) -> Iterator[Series]:
    """Of text and of noise, with few connections and with many."""
    for data_set in (plan.sets["A"], plan.sets["C"]):
        for connections in CONNECTIONS:
            series = session.series(data_set, f"{connections} connections")
            session.run_peer(OURS, series, "--idle-first", f"--connections={connections}")
            yield series


def _growing(plan: Plan, session: Session) -> Iterator[Series]:
    for data_set in plan.memory:
        yield _once(session, OURS, data_set, "--idle-first")
        if data_set in plan.memory_of_old_code:
            yield _once(session, OLD_CODE, data_set)


def _once(session: Session, peer: Peer, data_set: str, *options: str) -> Series:
    series = session.series(data_set, peer.name)
    session.run_peer(peer, series, *options)
    return series


def _stages(plan: Plan, session: Session) -> list[Result]:
    text, small = (session.directory(plan.sets[family]) for family in ("A", "B"))
    found = session.run_module("micro", text, small, f"--port={session.sink.port}").result
    return [Result(**each) for each in found["stages"]]
