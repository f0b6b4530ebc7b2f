"""Times the stages, each beside the first of its group."""

import argparse
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import benchmarks.no_crt  # noqa: F401  before anything imports botocore
from benchmarks.output import give
from benchmarks.stages import Stage, checksums, deflating, files, sending
from benchmarks.text import MIB

#: Of each stage. The best of them counts: what disturbs only ever slows.
REPEATS = 5
SAMPLE = 8 * MIB


@dataclass(frozen=True, slots=True)
class Result:
    group: str
    name: str
    rate: float
    unit: str
    ratio: float | None
    """Bytes in to bytes out, of what makes them fewer."""


def timed(stage: Stage) -> Result:
    seconds: list[float] = []
    left: int | None = None
    for _ in range(REPEATS):
        began = time.perf_counter()
        left = stage.work()
        seconds.append(time.perf_counter() - began)
    ratio = stage.amount * 1e6 / left if left else None
    return Result(stage.group, stage.name, stage.amount / min(seconds), stage.unit, ratio)


def stages(text: Path, small: Path, port: int) -> Iterator[Stage]:
    """`text` holds large files of text, `small` many small ones; the sink listens at `port`."""
    largest = max((path for path in text.rglob("*.csv")), key=lambda path: path.stat().st_size)
    with largest.open("rb") as file:
        sample = file.read(SAMPLE)
    yield from deflating(sample)
    yield from checksums(sample)
    yield from files(small)
    yield from sending(port)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.micro", description=__doc__)
    parser.add_argument("text", type=Path)
    parser.add_argument("small", type=Path)
    parser.add_argument("--port", type=int, required=True, help="the sink's")
    options = parser.parse_args()
    found = [timed(stage) for stage in stages(options.text, options.small, options.port)]
    give({"stages": [asdict(result) for result in found]})


if __name__ == "__main__":
    main()
