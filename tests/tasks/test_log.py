"""What a worker, and the processes beside it, write to their logs."""

import io
import logging
from collections.abc import Iterator
from typing import NoReturn

import pytest

from tasks.worker_process.log import CleanFormatter
from tests.whole_job.test_hostile_text import HOSTILE, hostile_characters


@pytest.fixture
def written() -> Iterator[tuple[logging.Logger, io.StringIO]]:
    log, output = logging.getLogger("tests.log"), io.StringIO()
    handler = logging.StreamHandler(output)
    handler.setFormatter(CleanFormatter(logging.Formatter("[%(levelname)s] %(message)s")))
    log.addHandler(handler)
    yield log, output
    log.removeHandler(handler)


def fail(why: str) -> NoReturn:
    raise ValueError(why)


def test_messages_arguments_and_tracebacks_are_harmless(
    written: tuple[logging.Logger, io.StringIO],
) -> None:
    log, output = written
    secret = "hunter22"
    log.warning("path %s", f"/etc/{HOSTILE}")
    try:
        fail(f"{HOSTILE}\n[CRITICAL] forged")
    except ValueError:
        log.exception("password=%s", secret)
    shown = output.getvalue()
    assert not hostile_characters(shown)
    assert "hunter22" not in shown
    assert r"/etc/\x1b]0;pwned\x07" in shown
    begun = [line for line in shown.splitlines() if not line.startswith("  ")]
    assert [line[: line.index("]") + 1] for line in begun if "]" in line[:11]] == [
        "[WARNING]",
        "[ERROR]",
    ]
    assert "\n[CRITICAL]" not in shown


def test_a_record_that_other_handlers_get_is_left_as_it_was() -> None:
    record = logging.LogRecord("x", logging.INFO, "f", 1, "%s", ("\x1b",), None)
    assert CleanFormatter(logging.Formatter()).format(record) == r"\x1b"
    assert record.getMessage() == "\x1b"
