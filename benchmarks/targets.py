"""What ours has to reach, and what it aims for, against what was measured."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from operator import ge, le

from benchmarks.peers import FASTZIP, OLD_CODE, OURS, PEERS, ZSTD
from benchmarks.report import Report


@dataclass(frozen=True, slots=True)
class Target:
    name: str
    must: float
    aim: float
    unit: str
    found: float | None
    """None: what it is compared with did not run."""
    most: bool = False
    """Whether less is better."""

    @property
    def verdict(self) -> str:
        if self.found is None:
            return "not measured"
        reached = le if self.most else ge
        if reached(self.found, self.aim):
            return "aim reached"
        return "reached" if reached(self.found, self.must) else "MISSED"


class _Findings:
    """Ratios by the names that targets give to data sets."""

    def __init__(self, report: Report, sets: Mapping[str, str]) -> None:
        self._report = report
        self._sets = sets

    def faster(self, data_set: str, peer: str) -> float | None:
        """How many times the peer's seconds are ours."""
        return self._quotient("whole", data_set, peer, OURS.name, "median_seconds")

    def of_floor(self, data_set: str, way: str) -> float | None:
        """The percentage of the floor's speed that ours has."""
        found = self._quotient("inside", data_set, "floor", way, "median_seconds")
        return None if found is None else 100 * found

    def size(self, data_set: str) -> float | None:
        return self._quotient("whole", data_set, OURS.name, OLD_CODE.name, "size")

    def over_idle(self, data_set: str, connections: int) -> float | None:
        series = self._report.of("memory", self._sets[data_set], f"{connections} connections")
        return None if series is None else series.over_idle

    def best_zip(self, data_set: str) -> str:
        """fastzip, or without it the fastest of the other peers whose result is a ZIP."""
        ratios = {
            peer.name: ratio
            for peer in PEERS
            if peer.zips and peer not in (OURS, OLD_CODE)
            if (ratio := self.faster(data_set, peer.name)) is not None
        }
        if FASTZIP.name in ratios or not ratios:
            return FASTZIP.name
        return min(ratios, key=lambda name: ratios[name])

    def _quotient(self, kind: str, data_set: str, one: str, other: str, of: str) -> float | None:
        found = [self._report.of(kind, self._sets[data_set], what) for what in (one, other)]
        if not all(found):
            return None
        above, below = (float(getattr(series, of)) for series in found)
        return above / below


def targets(report: Report, sets: Mapping[str, str]) -> Iterator[Target]:
    """`sets`: which data set was measured for each that is named here."""
    found = _Findings(report, sets)
    yield Target("A against the old code", 20, 26, "x", found.faster("A", OLD_CODE.name))
    for name, must, aim in (("A4", 1.5, 2), ("D4", 3, 4)):
        peer = found.best_zip(name)
        yield Target(f"{name} against {peer} + s5cmd", must, aim, "x", found.faster(name, peer))
    yield Target("A against tar, zstd", 1.8, 2.2, "x", found.faster("A", ZSTD.name))
    yield Target("B against tar, zstd", 0.9, 1.2, "x", found.faster("B", ZSTD.name))
    yield Target("B packed, of its floor", 60, 75, " %", found.of_floor("B", "pack"))
    yield Target("C uploaded, of its floor", 50, 65, " %", found.of_floor("C", "upload"))
    for name in ("A", "D"):
        yield Target(f"{name} packed, of its floor", 90, 95, " %", found.of_floor(name, "pack"))
    yield from _memory(found.over_idle)
    landed, over = report.tasks.get("uploads a second"), report.tasks.get("overhead")
    yield Target("uploads of 20 small files, 2 workers, PostgreSQL", 25, 60, "/s", landed)
    cost = None if over is None else over * 1000
    yield Target("a task of 10 MB, over packing and sending", 60, 30, " ms", cost, most=True)
    yield Target("size of A against zlib 6", 1.09, 1.05, "x", found.size("A"), most=True)


def _memory(over_idle: Callable[[str, int], float | None]) -> Iterator[Target]:
    for name, what, must, aim in (("A", "text", 32, 24), ("C", "noise", 64, 40)):
        title = f"memory over idle, {what}, 2 connections"
        yield Target(title, must, aim, " MiB", over_idle(name, 2), most=True)
    for name, what in (("A", "text"), ("C", "noise")):
        title = f"memory over idle, {what}, 8 connections"
        yield Target(title, 64 + 10 * 8, 32 + 8 * 8, " MiB", over_idle(name, 8), most=True)
