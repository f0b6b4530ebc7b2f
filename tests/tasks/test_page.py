"""The page that tells what of Celery works here."""

import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
PAGE = (TESTS.parent / "docs" / "celery.md").read_text()


def test_each_promise_names_tests_that_are_there() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| ")][1:]
    assert len(rows) >= 10
    there = {path.name for path in TESTS.rglob("test_*.py")}
    for row in rows:
        named = re.findall(r"(test_\w+\.py)", row)
        assert named, row
        assert set(named) <= there, row
