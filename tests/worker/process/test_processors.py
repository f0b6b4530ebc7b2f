import os
from pathlib import Path

import pytest

from worker.process import processors as machine
from worker.process.processors import processors


@pytest.fixture
def groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tree of control groups; this process is in one of the two below `pods`."""
    monkeypatch.setattr(machine, "_CGROUPS", tmp_path)
    monkeypatch.setattr(machine, "_our_group", lambda: "/pods/ours")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(16)))
    (tmp_path / "pods" / "ours").mkdir(parents=True)
    return tmp_path


def test_without_limits_it_is_the_affinity(groups: Path) -> None:
    (groups / "pods" / "cpu.max").write_text("max 100000\n")
    assert processors() == 16


@pytest.mark.parametrize(("quota", "count"), [("50000", 1), ("200000", 2), ("250000", 3)])
def test_a_quota_counts_and_is_rounded_up(groups: Path, quota: str, count: int) -> None:
    (groups / "pods" / "ours" / "cpu.max").write_text(f"{quota} 100000\n")
    assert processors() == count


def test_the_tightest_group_above_counts(groups: Path) -> None:
    (groups / "pods" / "ours" / "cpu.max").write_text("400000 100000\n")
    (groups / "pods" / "cpu.max").write_text("300000 100000\n")
    assert processors() == 3


def test_a_machine_without_control_groups_has_its_affinity(
    groups: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "_our_group", lambda: None)
    assert processors() == 16


def test_this_machine_has_one() -> None:
    assert 1 <= processors() <= len(os.sched_getaffinity(0))
