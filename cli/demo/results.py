"""Writes a run's results as a simulation would: time series, logs, a summary."""

import json
import math
import random
from pathlib import Path

#: Probes whose series a run writes, and the time steps of each.
PROBES, STEPS = 90, 2400
LOGS = 12


def write_run(directory: Path, seed: int) -> None:
    """Write about a hundred files of 12 MB in all; equal seeds give equal bytes."""
    noise = random.Random(seed)  # noqa: S311  no secret depends on it
    (directory / "series").mkdir(parents=True)
    (directory / "logs").mkdir()
    (directory / "checkpoints").mkdir()  # empty, as after a run that succeeded
    for probe in range(PROBES):
        (directory / "series" / f"probe_{probe:03}.csv").write_text(_series(noise, probe))
    for rank in range(LOGS):
        (directory / "logs" / f"rank_{rank:02}.log").write_text(_log(noise, rank))
    (directory / "summary.json").write_text(json.dumps({"seed": seed, "probes": PROBES}, indent=2))


def _series(noise: random.Random, probe: int) -> str:
    rows = ["time,pressure,velocity,temperature"]
    pressure, temperature = 101_325.0, 293.15
    for step in range(STEPS):
        time = step * 1e-3
        pressure += noise.gauss(0, 3)
        temperature += noise.gauss(0, 0.01)
        velocity = math.sin(time * (probe + 1)) + noise.gauss(0, 0.02)
        rows.append(f"{time:.6e},{pressure:.8e},{velocity:.8e},{temperature:.8e}")
    return "\n".join(rows) + "\n"


def _log(noise: random.Random, rank: int) -> str:
    return "".join(
        f"rank {rank} step {step:6d} residual {10 ** -(step / 500 + noise.random()):.6e} "
        f"iterations {noise.randint(3, 40)}\n"
        for step in range(STEPS)
    )
