import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from worker.process import identity as process_identity
from worker.process.identity import has_ended, this_machine, this_process

SAY_IT = "from worker.process.identity import this_process; print(this_process(), flush=True)"


def test_this_process_has_not_ended() -> None:
    assert not has_ended(this_process())
    assert this_process() == this_process()
    assert this_process().partition("@")[0].endswith(f":{os.getpid()}")
    assert f"@{this_machine()}." in this_process()


def test_a_process_has_ended_once_it_is_gone_and_while_nobody_has_asked_how() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", f"{SAY_IT}; input()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    name = process.stdout.readline().strip()
    assert not has_ended(name)
    process.kill()
    deadline = time.monotonic() + 10
    while not has_ended(name):  # still a zombie
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.communicate()
    assert has_ended(name)


def test_another_process_with_the_same_id_is_another() -> None:
    name, _, started = this_process().rpartition(".")
    assert has_ended(f"{name}.{int(started) - 1}")


@pytest.mark.parametrize(
    "name",
    [
        "",
        "host:1",
        "host:999999999",
        "host:999999999@",
        "host:999999999@other-boot.4026531836.1",
        "host:x@{machine}.1",
    ],
)
def test_of_what_ran_elsewhere_or_says_not_enough_nothing_is_claimed(name: str) -> None:
    assert not has_ended(name.format(machine=this_machine()))


def test_a_process_of_somebody_else_counts_as_running(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(pid: int, number: int) -> None:
        raise PermissionError

    name, _, _ = this_process().rpartition(".")
    monkeypatch.setattr(os, "kill", refuse)
    assert not has_ended(f"{name}.1")


def test_without_proc_a_process_has_a_name_and_nothing_is_claimed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ours = this_process()
    monkeypatch.setattr(process_identity, "_PROC", tmp_path)
    this_machine.cache_clear()
    try:
        assert this_process() == ours.partition("@")[0]
        assert not has_ended(ours)
    finally:
        this_machine.cache_clear()
