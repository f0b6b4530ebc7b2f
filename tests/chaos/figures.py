"""What the scenarios measure, kept for the report."""

import json
import os
import platform
from datetime import UTC, datetime
from pathlib import Path
from statistics import quantiles
from typing import Any

_figures: dict[str, Any] = {}


def note(scenario: str, **figures: Any) -> None:
    """Printed with the test, and kept."""
    print(f"{scenario}: {figures}")  # noqa: T201  for who reads the test's output
    _figures[scenario] = figures


def times(seconds: list[float]) -> dict[str, float] | str:
    """How many there are; their median, 99th percentile and maximum, in seconds."""
    if len(seconds) < 2:
        return "; ".join(f"{each:.1f} s" for each in seconds) or "none"
    cuts = quantiles(seconds, n=100, method="inclusive")
    return {
        "of": len(seconds),
        "p50": round(cuts[49], 2),
        "p99": round(cuts[98], 2),
        "max": round(max(seconds), 2),
    }


def record_to(file: str | None, seed: int) -> None:
    if file and _figures:
        machine = {
            "python": platform.python_version(),
            "system": platform.system(),
            "cores": os.cpu_count(),
        }
        report = {
            "at": datetime.now(UTC).isoformat(),
            "machine": machine,
            "seed": seed,
            "scenarios": _figures,
        }
        Path(file).write_text(json.dumps(report, indent=1) + "\n")
