"""Two pictures of a report: against the peers, and memory against the directory's size."""

import argparse
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator

from benchmarks.data_sets import DATA_SETS
from benchmarks.peers import OLD_CODE, OURS, PEERS, Peer
from benchmarks.report import Report, Series
from benchmarks.text import MIB

#: Okabe and Ito's blue and vermilion, which every eye tells apart; peers stay grey.
OURS_COLOUR, OLD_COLOUR, PEER_COLOUR = "#0072B2", "#D55E00", "#A0A0A0"
FAMILIES = "ABCD"
#: The same report gives the same bytes.
STYLE: dict[Any, Any] = {"svg.hashsalt": "oneprefix", "font.size": 9}


def draw(report: Report, throughput: Path, memory: Path) -> None:
    """Each as SVG at its path, and as PNG beside it."""
    with mpl.rc_context(STYLE):
        _save(_against_peers(report), throughput)
        _save(_against_size(report), memory)


def _save(figure: Figure, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path.with_suffix(".svg"), metadata={"Date": None})
    figure.savefig(path.with_suffix(".png"), dpi=150)


def _against_peers(report: Report) -> Figure:
    """A row for each kind of data: how fast, and in how much memory."""
    names = dict.fromkeys(series.data_set for series in report.whole)
    largest = {name[0]: name for name in sorted(names, key=lambda name: DATA_SETS[name].size)}
    rows = [largest[family] for family in FAMILIES if family in largest]
    figure = Figure(figsize=(8, 0.6 + 1.75 * len(rows)), layout="constrained")
    axes = figure.subplots(len(rows), 2, squeeze=False)
    for name, (speed, peak) in zip(rows, axes, strict=True):
        shown = [series for series in report.whole if series.data_set == name]
        shown.sort(key=lambda series: series.speed)
        _bars(speed, shown, [series.speed for series in shown])
        _bars(peak, shown, [series.peak for series in shown])
        peak.set_yticklabels([])
        speed.set_title(_title(name), loc="left", fontsize=9, fontweight="bold")
    axes[-1][0].set_xlabel("MB of input a second (longer is better)")
    axes[-1][1].set_xlabel("peak memory, MiB (shorter is better)")
    return figure


def _title(name: str) -> str:
    found = DATA_SETS[name]
    return f"{found.meaning}: {found.described}"


def _bars(axes: Axes, shown: list[Series], values: list[float]) -> None:
    meanings = {peer.name: peer.meaning for peer in PEERS}
    bars = axes.barh(
        [meanings[series.what] for series in shown],
        values,
        color=[_colour(series.what) for series in shown],
        height=0.7,
    )
    axes.bar_label(bars, fmt="{:,.0f}", padding=3, fontsize=8)
    axes.margins(x=0.15)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    for label in axes.get_yticklabels():
        if label.get_text() == OURS.meaning:
            label.set_fontweight("bold")


def _colour(peer: str) -> str:
    return {OURS.name: OURS_COLOUR, OLD_CODE.name: OLD_COLOUR}.get(peer, PEER_COLOUR)


def _against_size(report: Report) -> Figure:
    """Ours and the old code, which holds the whole archive."""
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    axes.set_xscale("log", base=2)
    axes.set_yscale("log", base=2)
    old, ours = (_of_text(report, peer) for peer in (OLD_CODE, OURS))
    _line(axes, OLD_CODE, "s--", old, beside=ours)
    _line(axes, OURS, "o-", ours, beside=old)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(LogLocator(base=2, numticks=20))
        axis.set_major_formatter(FuncFormatter(_bytes))
    axes.margins(x=0.08, y=0.15)
    axes.set_ylim(bottom=32)
    axes.set_xlabel("size of the directory")
    axes.set_ylabel("peak memory of the process")
    axes.tick_params(axis="x", labelrotation=45)
    axes.grid(visible=True, color="#E0E0E0", linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="upper left")
    return figure


def _of_text(report: Report, peer: Peer) -> list[Series]:
    """By size; the data sets A are text as well."""
    compared = [series for series in report.whole if series.data_set.startswith("A")]
    found = [series for series in report.memory + compared if series.what == peer.name]
    return sorted(found, key=lambda series: series.bytes_in)


def _line(
    axes: Axes, peer: Peer, marker: str, shown: list[Series], *, beside: list[Series]
) -> None:
    """Each mark's number is above it, or below if the other line's mark is higher."""
    other = {series.bytes_in: series.peak for series in beside}
    points = [(series.bytes_in / MIB, series.peak) for series in shown]
    colour = _colour(peer.name)
    axes.plot(*zip(*points, strict=True), marker, color=colour, label=peer.meaning, linewidth=2)
    for series, point in zip(shown, points, strict=True):
        above = series.peak >= other.get(series.bytes_in, 0)
        place: dict[str, Any] = {"xytext": (0, 7 if above else -14), "ha": "center"}
        axes.annotate(f"{series.peak:,.0f}", point, textcoords="offset points", **place)


def _bytes(mebibytes: float, _: object) -> str:
    return f"{mebibytes / 1024:g} GiB" if mebibytes >= 1024 else f"{mebibytes:g} MiB"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pictures", description=__doc__)
    parser.add_argument("report", type=Path, help="JSON of a session")
    parser.add_argument("throughput", type=Path)
    parser.add_argument("memory", type=Path)
    options = parser.parse_args()
    draw(Report.load(options.report), options.throughput, options.memory)


if __name__ == "__main__":
    main()
