"""The beginning of a CSV as a table."""

import csv
import io
from dataclasses import dataclass
from itertools import islice

#: What a page shows of a table; a plot takes more rows.
ROWS, COLUMNS = 100, 50
#: Rows that are parsed.
MOST_ROWS = 5000
#: Characters of a cell that are shown.
CELL = 200
ENDINGS = (".csv", ".tsv", ".tab")


@dataclass(frozen=True, slots=True)
class Table:
    header: list[str]
    rows: list[list[str]]
    is_cut: bool
    """Whether the file has more rows or columns than these."""

    def column(self, number: int) -> list[float | None]:
        """A column's numbers; None for a cell that is none."""
        return [_number(row[number]) if number < len(row) else None for row in self.rows]


def table_of(text: str, name: str, *, is_whole: bool) -> Table | None:
    """The text as a table; None if its name does not end as a table's, or it has one column."""
    if not name.lower().endswith(ENDINGS):
        return None
    lines = text if is_whole else text[: text.rfind("\n") + 1]
    reader = csv.reader(io.StringIO(lines), delimiter=_delimiter(lines), strict=False)
    try:
        found = list(islice((row for row in reader if row), MOST_ROWS + 1))
    except csv.Error:
        return None
    if not found or len(found[0]) < 2:
        return None
    is_cut = not is_whole or len(found) > MOST_ROWS or any(len(row) > COLUMNS for row in found)
    cut = [[cell[:CELL] for cell in row[:COLUMNS]] for row in found[:MOST_ROWS]]
    if all(_number(cell) is None for cell in cut[0]):
        return Table(cut[0], cut[1:], is_cut)
    return Table([f"column {number}" for number in range(1, len(cut[0]) + 1)], cut, is_cut)


def _delimiter(text: str) -> str:
    """The one of the usual delimiters that the first line has most of."""
    line = text.partition("\n")[0]
    return max(",;\t|", key=line.count)


def _number(cell: str) -> float | None:
    try:
        number = float(cell)
    except ValueError:
        return None
    return number if abs(number) < 1e300 else None
