"""Workers of this version beside those of the one before, as while a fleet is upgraded."""

import subprocess
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from random import Random

import pytest

from tests.chaos.aftermath import sent_twice_mib
from tests.chaos.audit import audit, completed_twice, settle
from tests.chaos.figures import note
from tests.chaos.fleet import PROJECT, Fleet
from tests.chaos.killer import Killer, Leases
from tests.chaos.runs import MIB, SLOWLY, make_runs, path_of
from tests.end_to_end.cluster import Cluster, eventually

MIGRATIONS = "worker/database/migrations/versions"


def killed_one(killer: Killer) -> bool:
    killer.kill("group")
    return killer.kills > 0


def git(*arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    return done.stdout.strip() if done.returncode == 0 else ""


@pytest.fixture
def before(tmp_path: Path) -> Path:
    """The newest version whose schema lacks the newest migration."""
    newest = max(each.name for each in (PROJECT / MIGRATIONS).glob("0*.py"))
    added = git("log", "--diff-filter=A", "--format=%H", "-1", "--", f"{MIGRATIONS}/{newest}")
    if not added or not git("rev-parse", "--verify", f"{added}^"):
        pytest.skip("there is no history that has the version before")
    tree = tmp_path / "before"
    tree.mkdir()
    archive = tmp_path / "before.tar"
    git("archive", f"--output={archive}", f"{added}^", "worker", "tasks")
    subprocess.run(["tar", "-xf", archive, "-C", tree], check=True)
    archive.unlink()
    return tree


@pytest.mark.timeout(600)
def test_workers_of_two_versions_share_their_work_and_take_over_from_each_other(
    running: Cluster, dice: Random, before: Path
) -> None:
    ids = make_runs(running, 24, dice, largest=12 * MIB)
    old = SLOWLY | {"PYTHONPATH": str(before)}
    with ExitStack() as stack:
        fleets = [
            stack.enter_context(Fleet(running, 1, environment=each, name=name))
            for name, each in (("old", old), ("new", SLOWLY))
        ]
        leases = stack.enter_context(Leases(running))
        for run_id in ids:
            running.send(12, run_id, path_of(running, run_id))
        for fleet in fleets:
            killer = Killer(fleet, leases, dice)
            eventually(partial(killed_one, killer), "a worker of each version is killed")
        settle(running, len(ids), seconds=180)
    audit(running)
    assert completed_twice(running) == 0
    note(
        "workers of two versions, each killed",
        uploads=len(ids),
        completed_twice=0,
        sent_twice_mib=sent_twice_mib(running),
    )
