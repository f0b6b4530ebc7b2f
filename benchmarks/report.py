"""What a session found, as values that become JSON and come back."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Self

from benchmarks.micro import Result
from benchmarks.text import MIB


@dataclass(slots=True)
class Series:
    """The repetitions of one thing with one data set: a list item for each."""

    data_set: str
    what: str
    """A peer's name; or `pack`, `upload` and `floor`, which are timed inside their process."""
    bytes_in: int
    seconds: list[float] = field(default_factory=list)
    cpu_seconds: list[float] = field(default_factory=list)
    sink_cpu_seconds: list[float] = field(default_factory=list)
    peaks: list[int] = field(default_factory=list)
    others: list[float] = field(default_factory=list)
    """Cores that others used meanwhile: what makes seconds doubtful."""
    idle: list[int] = field(default_factory=list)
    """Bytes that ours had in memory before it began."""
    size: int = 0
    """Bytes that came out."""

    @property
    def median_seconds(self) -> float:
        return median(self.seconds)

    @property
    def speed(self) -> float:
        """MB of input a second."""
        return self.bytes_in / 1e6 / self.median_seconds

    @property
    def peak(self) -> float:
        """MiB."""
        return max(self.peaks) / MIB

    @property
    def over_idle(self) -> float:
        """MiB."""
        return max(peak - idle for peak, idle in zip(self.peaks, self.idle, strict=True)) / MIB


@dataclass(slots=True)
class Report:
    plan: str
    machine: dict[str, str]
    skipped: dict[str, str] = field(default_factory=dict)
    """Peers that did not run, and why."""
    whole: list[Series] = field(default_factory=list)
    """Whole processes: ours and its peers."""
    inside: list[Series] = field(default_factory=list)
    """Ours and its floors, timed inside their processes."""
    memory: list[Series] = field(default_factory=list)
    """Directories of growing size, and connections of growing number."""
    stages: list[Result] = field(default_factory=list)
    tasks: dict[str, float] = field(default_factory=dict)
    """Of the whole way, with workers, broker and database: `uploads a second`, `overhead`."""

    def of(self, kind: str, data_set: str, what: str) -> Series | None:
        series: list[Series] = getattr(self, kind)
        return next((s for s in series if (s.data_set, s.what) == (data_set, what)), None)

    def save(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(self), indent=1) + "\n")

    @classmethod
    def load(cls, path: Path) -> Self:
        found: dict[str, Any] = json.loads(path.read_text())
        for kind in ("whole", "inside", "memory"):
            found[kind] = [Series(**each) for each in found[kind]]
        found["stages"] = [Result(**each) for each in found["stages"]]
        return cls(**found)
