"""A table's columns as lines, in percent of a picture's width and height."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import floor, log10

from web.preview.table import Table

#: Lines of a picture, each told by colour, dashes and name.
LINES = 4
#: Points of a line; of more, some are left out at equal distances.
POINTS = 1000


@dataclass(frozen=True, slots=True)
class Axis:
    name: str
    ticks: list[tuple[float, str]]
    """Where, in percent from the left or the bottom, and what it says there."""


@dataclass(frozen=True, slots=True)
class Line:
    name: str
    points: str
    """As SVG has them, `x,y x,y`, in a square of 100; y is counted from the top."""


@dataclass(frozen=True, slots=True)
class Plot:
    x: Axis
    y: Axis
    lines: list[Line]
    numeric: list[str]
    """The columns that can be shown."""


def plot_of(table: Table, x: str | None, ys: Sequence[str]) -> Plot | None:
    """Plot the named columns, or by default the first numeric one and those after it."""
    columns = {name: table.column(at) for at, name in enumerate(table.header)}
    numeric = [name for name, cells in columns.items() if _is_numeric(cells)]
    if len(numeric) < 2:
        return None
    across = x if x in numeric else numeric[0]
    up = [name for name in ys if name in numeric and name != across][:LINES]
    up = up or [name for name in numeric if name != across][:LINES]
    xs = columns[across]
    pairs = {name: _pairs(xs, columns[name]) for name in up}
    every = [pair for found in pairs.values() for pair in found]
    horizontal = _Range.of([a for a, _ in every])
    vertical = _Range.of([b for _, b in every])
    lines = [Line(name, _points(found, horizontal, vertical)) for name, found in pairs.items()]
    return Plot(horizontal.axis(across), vertical.axis(", ".join(up)), lines, numeric)


def _is_numeric(cells: list[float | None]) -> bool:
    known = sum(cell is not None for cell in cells)
    return known >= 2 and known >= 0.9 * len(cells)


def _pairs(xs: list[float | None], ys: list[float | None]) -> list[tuple[float, float]]:
    found = [(a, b) for a, b in zip(xs, ys, strict=True) if a is not None and b is not None]
    step = -(-len(found) // POINTS) or 1
    return found[::step] + (found[-1:] if step > 1 else [])


def _points(pairs: list[tuple[float, float]], across: "_Range", up: "_Range") -> str:
    return " ".join(f"{across.at(a):.2f},{100 - up.at(b):.2f}" for a, b in pairs)


@dataclass(frozen=True, slots=True)
class _Range:
    least: float
    most: float

    @classmethod
    def of(cls, values: list[float]) -> "_Range":
        least, most = min(values, default=0.0), max(values, default=1.0)
        return cls(least, most) if most > least else cls(least - 0.5, most + 0.5)

    def at(self, value: float) -> float:
        return 100 * (value - self.least) / (self.most - self.least)

    def axis(self, name: str) -> Axis:
        return Axis(name, [(self.at(tick), f"{tick:.6g}") for tick in self._ticks()])

    def _ticks(self) -> Iterator[float]:
        """Some four round numbers within the range."""
        rough = (self.most - self.least) / 4
        power = 10.0 ** floor(log10(rough))
        step = next(power * each for each in (1, 2, 2.5, 5, 10) if power * each >= rough)
        first = -(-self.least // step)
        for number in range(10):
            tick = (first + number) * step
            if tick > self.most:
                return
            yield 0.0 if abs(tick) < step / 1e6 else tick
