"""Runs of mixed sizes, and requests for them."""

from pathlib import Path
from random import Random

from sqlalchemy import text

from tests.end_to_end.cluster import Cluster

MIB = 1 << 20
#: Beside the settings as shipped: keeps uploads under way, and leaves processors to the servers.
SLOWLY = {"ONEPREFIX_BANDWIDTH_MIB": "3"}
NOISE = Random(1).randbytes(4 * MIB)
#: Sizes with their shares: most runs are small.
SIZES = (
    (0, 5),
    (1, 5),
    (100_000, 40),
    (2 * MIB, 35),
    (12 * MIB, 10),
    (40 * MIB, 4),
    (200 * MIB, 1),
)


def make_runs(running: Cluster, count: int, dice: Random, *, largest: int = 200 * MIB) -> list[int]:
    """Run ids from 101 on, each with a directory of one to four files, and its row in `runs`."""
    ids = list(range(101, 101 + count))
    sizes, weights = zip(*SIZES, strict=True)
    for run_id in ids:
        size = min(dice.choices(sizes, weights)[0], largest)
        make_run(running.results / f"RUN{run_id}", size, dice)
    with running.engine.begin() as connection:
        connection.execute(
            text("INSERT INTO runs (id, job_id) VALUES (:id, 12)"), [{"id": each} for each in ids]
        )
    return ids


def make_run(run: Path, size: int, dice: Random) -> str:
    run.mkdir()
    files = dice.randint(1, 4)
    for number in range(files):
        with (run / f"out_{number}.bin").open("wb") as file:
            left = size // files
            while left:
                start = dice.randrange(len(NOISE))
                written = file.write(NOISE[start : start + left])
                left -= written
    return str(run)


def path_of(running: Cluster, run_id: int) -> str:
    return str(running.results / f"RUN{run_id}")
