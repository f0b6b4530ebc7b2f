"""A report as Markdown, for a person, a pull request or a terminal."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from statistics import median

from benchmarks.data_sets import DATA_SETS
from benchmarks.peers import OURS, PEERS
from benchmarks.report import Report, Series
from benchmarks.targets import Target, targets
from benchmarks.text import MIB

#: Cores that others may use before seconds become doubtful.
DISTURBED = 0.2


def tables(report: Report, sets: Mapping[str, str]) -> str:
    machine = ", ".join(f"{name} {value}" for name, value in report.machine.items())
    lines = [
        f"# Benchmarks, {report.plan}",
        machine,
        _disturbance(report),
        "## Whole processes",
        *_whole(report),
        "## Targets",
        *_targets(targets(report, sets)),
        _stand_ins(sets),
        "## Ours and its floors, inside a process",
        *_inside(report),
        "## Memory against directory size and connections",
        *_memory(report),
        "## Stages, on one thread",
        *_stages(report),
    ]
    return "\n\n".join(line for line in lines if line) + "\n"


def _disturbance(report: Report) -> str:
    """What the median run of each series met, at worst; the sink counts in those inside."""
    worst = max(median(series.others) for series in report.whole)
    if worst < DISTURBED:
        return ""
    return f"**Not idle: others used up to {worst:.1f} cores. The seconds prove little.**"


def _whole(report: Report) -> Iterator[str]:
    names = {peer.name: peer.meaning for peer in PEERS}
    rows = []
    for series in report.whole:
        ours = report.of("whole", series.data_set, OURS.name)
        rows.append(
            (
                series.data_set,
                names[series.what],
                f"{series.median_seconds:.2f}",
                f"{min(series.seconds):.2f} to {max(series.seconds):.2f}",
                f"{series.speed:.0f}",
                f"{median(series.cpu_seconds):.2f}",
                f"{series.peak:.0f}",
                f"{series.size / MIB:.1f}",
                f"{series.median_seconds / ours.median_seconds:.2f}x" if ours else "",
                f"{median(series.others):.1f}",
            )
        )
    yield _table(
        "data set|what|s|range|MB/s|CPU s|peak MiB|size MiB|ours faster by|others' cores", rows
    )
    used = dict.fromkeys(series.data_set for series in report.whole)
    yield "; ".join(f"{name}: {_described(name)}" for name in used) + "."
    if report.skipped:
        left_out = (f"{name} ({reason})" for name, reason in report.skipped.items())
        yield "Skipped: " + ", ".join(left_out) + "."


def _described(name: str) -> str:
    found = DATA_SETS[name]
    return f"{found.described}, {found.meaning}"


def _targets(found: Iterable[Target]) -> Iterator[str]:
    rows = []
    for target in found:
        sign = "≤ " if target.most else ""
        value = "-" if target.found is None else f"{target.found:.2f}{target.unit}"
        limits = (f"{sign}{limit:g}{target.unit}" for limit in (target.must, target.aim))
        rows.append((target.name, *limits, value, target.verdict))
    yield _table("target|must|aim|measured|", rows)


def _stand_ins(sets: Mapping[str, str]) -> str:
    other = [f"{actual} for {name}" for name, actual in sets.items() if name != actual]
    return f"Measured with {', '.join(other)}: the targets are for the full sets." if other else ""


def _inside(report: Report) -> Iterator[str]:
    rows = []
    for series in report.inside:
        floor = report.of("inside", series.data_set, "floor")
        share = floor.median_seconds / series.median_seconds if floor else 0
        rows.append(
            (
                series.data_set,
                series.what,
                f"{series.median_seconds:.3f}",
                f"{series.speed:.0f}",
                f"{share:.0%}",
                f"{median(series.others):.1f}",
            )
        )
    yield _table("data set|what|s|MB/s|of the floor|others' cores", rows)


def _memory(report: Report) -> Iterator[str]:
    rows = [
        (
            series.data_set,
            f"{series.bytes_in / MIB:.0f}",
            series.what,
            f"{series.peak:.0f}",
            _over_idle(series),
        )
        for series in report.memory
    ]
    yield _table("data set|MiB|what|peak MiB|MiB over idle", rows)


def _over_idle(series: Series) -> str:
    return f"{series.over_idle:.0f}" if series.idle else ""


def _stages(report: Report) -> Iterator[str]:
    firsts: dict[str, float] = {}
    rows = []
    for stage in report.stages:
        first = firsts.setdefault(stage.group, stage.rate)
        ratio = f"{stage.ratio:.2f}" if stage.ratio else ""
        rate = f"{stage.rate:,.0f} {stage.unit}"
        rows.append((stage.group, stage.name, rate, f"{stage.rate / first:.0%}", ratio))
    yield _table("stage|by|rate|of the first|ratio", rows)


def _table(head: str, rows: Sequence[Sequence[str]]) -> str:
    """Aligned, so that it reads in a terminal too."""
    cells = [head.split("|"), *map(list, rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [" | ".join(map(str.ljust, row, widths)) for row in cells]
    rule = " | ".join("-" * max(3, width) for width in widths)
    return "\n".join(f"| {line} |" for line in (lines[0], rule, *lines[1:]))
