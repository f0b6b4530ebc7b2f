"""Writes docs/reliability.md's table of figures from what the scenarios measured."""

import json
import sys
from pathlib import Path
from typing import Any

DOCUMENT = Path(__file__).parents[2] / "docs" / "reliability.md"
BEGIN, END = "<!-- figures -->", "<!-- /figures -->"


def main(report: Path, document: Path = DOCUMENT) -> None:
    """Replace what stands between the marks."""
    before, _, rest = document.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    table = rendered(json.loads(report.read_text()))
    document.write_text(f"{before}{BEGIN}\n{table}\n{END}{after}")


def rendered(report: dict[str, Any]) -> str:
    machine = report["machine"]
    lines = [
        (
            f"Measured on {report['at'][:10]}: {machine['system']}, Python {machine['python']}, "
            f"{machine['cores']} cores, seed {report['seed']}."
        ),
        "",
        "| scenario | measured |",
        "|---|---|",
    ]
    for scenario, figures in report["scenarios"].items():
        told = "; ".join(_told(name, value) for name, value in figures.items())
        lines.append(f"| {scenario} | {told} |")
    return "\n".join(lines)


#: How names of figures end that have a unit.
UNITS = {"_seconds": " s", "_mib": " MiB"}


def _told(name: str, value: Any) -> str:
    unit = ""
    for ending, found in UNITS.items():
        if name.endswith(ending) and not isinstance(value, str):
            name, unit = name.removesuffix(ending), found
    return f"{name.replace('_', ' ')} {_value(value)}{unit}"


def _value(value: Any) -> str:
    if isinstance(value, dict):
        cuts = ", ".join(f"{name} {number} s" for name, number in value.items() if name != "of")
        return f"{cuts} ({value['of']})"
    return str(value)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
