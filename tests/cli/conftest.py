from pathlib import Path

import pytest

from tests.cli.command import Command


@pytest.fixture
def oneprefix(tmp_path: Path) -> Command:
    """The command where nothing is configured but a data directory."""
    return Command(tmp_path, {"ONEPREFIX_DATA_DIR": str(tmp_path / "data")})
