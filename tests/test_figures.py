"""Figures in texts are those of the benchmarks' report."""

import re
from pathlib import Path

from worker.settings import Settings

ROOT = Path(__file__).parents[1]
REPORT = (ROOT / "benchmarks" / "reports" / "full.md").read_text()
BENCHMARKS = (ROOT / "docs" / "benchmarks.md").read_text()


def row(*beginning: str) -> list[str]:
    """The cells of the report's row that begins with these."""
    for line in REPORT.splitlines():
        cells = [cell.strip() for cell in line.strip("| ").split("|")]
        if tuple(cells[: len(beginning)]) == beginning:
            return cells
    raise AssertionError(beginning)


def test_the_levels_speed_and_gain_are_measured() -> None:
    fast, small = (
        row("deflate", "ISA-L level 1, one object reused"),
        row("deflate", "ISA-L level 3"),
    )
    saved = 100 * (1 - float(fast[4]) / float(small[4]))
    told = Settings.model_fields["level"].description or ""
    assert f"small is {small[3].replace('%', ' %')} as fast as fast and saves {saved:.1f} %" in told


def test_how_much_smaller_archives_are_is_measured() -> None:
    [size] = re.findall(r"^A: ([0-9,]+) MiB", REPORT, re.MULTILINE)
    mib = float(size.replace(",", ""))
    ours = mib / float(row("A", "oneprefix")[7])
    zlib = mib / float(row("A", "zipfile in memory, put_object")[7])
    text = " ".join(BENCHMARKS.split())
    assert f"zlib at level 6 makes A {zlib:.2f} times smaller, ours {ours:.2f} times." in text
