"""One session on one machine: runs peers and modules with data sets that are made and warm."""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.data_sets import DATA_SETS, made
from benchmarks.measure import Measured, measure
from benchmarks.output import remark
from benchmarks.peers import PROJECT, Order, Peer, environment
from benchmarks.report import Series
from benchmarks.sink.client import Sink


@dataclass(slots=True)
class Session:
    sink: Sink
    seed: int
    cache: Path
    ours: tuple[str, ...] = ()
    """Options of ours, such as --threads=2."""
    _warm: dict[str, Path] = field(default_factory=dict)

    def directory(self, data_set: str) -> Path:
        """Written out to the disk, and read into the page cache: no run waits for another's I/O."""
        if data_set not in self._warm:
            remark(f"data set {data_set}: {DATA_SETS[data_set].meaning}")
            run = made(DATA_SETS[data_set], self.seed, self.cache)
            os.sync()
            if DATA_SETS[data_set].content != "hole":
                _read(run)
            self._warm[data_set] = run
        return self._warm[data_set]

    def series(self, data_set: str, what: str) -> Series:
        return Series(data_set, what, DATA_SETS[data_set].size)

    def run_peer(self, peer: Peer, series: Series, *options: str) -> None:
        """Once more, from the start of its process to its end; the results go to the series."""
        run = self.directory(series.data_set)
        with self._spare() as spare:
            order = Order(
                run,
                self.sink.endpoint,
                f"{series.data_set}-{peer.name}",
                spare,
                (*self.ours, *options),
            )
            before = self.sink.statistics()
            measured = measure(peer.command(order), environment(self.sink.endpoint))
            after = self.sink.statistics()
        self._add(series, measured, measured.seconds)
        took = after.cpu_seconds - before.cpu_seconds
        series.sink_cpu_seconds.append(took)
        series.others[-1] = max(0.0, measured.others - took / measured.seconds)
        series.size = after.latest_size
        if "--idle-first" in options:
            series.idle.append(measured.result["idle"])

    def run_inside(self, series: Series, module: str, *arguments: object) -> None:
        """Once more, by the seconds that the module took inside its process."""
        measured = self.run_module(module, *arguments)
        self._add(series, measured, measured.result["seconds"])
        series.size = measured.result["size"]

    def run_module(self, module: str, *arguments: object) -> Measured:
        command = [sys.executable, "-m", f"benchmarks.{module}", *map(str, arguments)]
        return measure(command, environment(self.sink.endpoint), PROJECT)

    def _add(self, series: Series, measured: Measured, seconds: float) -> None:
        remark(f"  {series.data_set:6} {series.what:10} {seconds:8.2f} s")
        series.seconds.append(seconds)
        series.cpu_seconds.append(measured.cpu_seconds)
        series.peaks.append(measured.peak)
        series.others.append(measured.others)

    @contextmanager
    def _spare(self) -> Iterator[Path]:
        """A directory for one run's temporary files, on the disk of the data sets."""
        spare = Path(tempfile.mkdtemp(prefix="spare-", dir=self.cache))
        try:
            yield spare
        finally:
            shutil.rmtree(spare)


def _read(run: Path) -> None:
    for path in run.rglob("*"):
        if path.is_file():
            with path.open("rb", buffering=0) as file:
                while file.read(1 << 20):
                    pass
