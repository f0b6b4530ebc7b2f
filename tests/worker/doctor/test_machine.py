from pathlib import Path
from threading import Event

import pytest
from isal import isal_zlib

from worker.doctor import machine
from worker.doctor.doctor import Doctor
from worker.doctor.finding import Health, ok
from worker.doctor.machine import fast_isal, machine_checks, readable_root


def test_roots_are_readable_or_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "empty").mkdir()
    assert readable_root(tmp_path) == ok("readable")
    assert readable_root(tmp_path / "empty") == ok("empty")
    roots = (tmp_path / "missing", tmp_path / "file")
    missing, file, _ = Doctor(machine_checks(roots))()
    assert (missing.health, file.health) == (Health.BROKEN, Health.BROKEN)
    assert "FileNotFoundError" in missing.found
    assert "NotADirectoryError" in file.found


def test_a_mount_that_hangs_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    mended = Event()
    monkeypatch.setattr(machine, "PATIENCE", 1)
    monkeypatch.setattr(machine, "_is_empty", lambda _root: mended.wait())
    hanging, _ = Doctor(machine_checks((tmp_path,)))()
    mended.set()
    assert hanging.health is Health.BROKEN
    assert "no answer within 1 s: does its mount hang?" in hanging.found


def test_isal_without_its_fast_call_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert fast_isal().health is Health.OK
    monkeypatch.delattr(isal_zlib, "_ParallelCompress")
    assert fast_isal().health is Health.WARNING
