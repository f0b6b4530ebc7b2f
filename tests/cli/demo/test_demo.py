import zipfile
from pathlib import Path

import pytest

from tests.cli.command import Command

KEYS = [f"jobs/12/2025/10/23/211500/run_{run}_results.zip" for run in (4, 5, 6)]


@pytest.fixture
def temporary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("t")  # short: the broker's socket lies below it


def test_the_demo_lands_three_runs_verifies_one_and_leaves_nothing(
    oneprefix: Command, temporary: Path
) -> None:
    # the user's own settings must not leak into it
    hostile = {"ONEPREFIX_S3_BUCKET": "my-real-bucket", "ONEPREFIX_LEASE_SECONDS": "soon"}
    hostile |= {"http_proxy": "http://127.0.0.1:9", "HTTPS_PROXY": "http://127.0.0.1:9"}
    (oneprefix.directory / ".env").write_text("ONEPREFIX_BROKER_URL=redis://real:6379/0\n")
    command = Command(oneprefix.directory, hostile | {"TMPDIR": str(temporary)})
    answer = command("demo")
    assert answer.code == 0, answer
    for key in KEYS:
        assert key.rsplit("/", 1)[1] in answer.out
    assert "s3://oneprefix-demo/jobs/12/2025/10/23/211500/" in answer.out
    assert "CRC32:" in answer.out
    assert "Verified: run_4_results.zip" in answer.out
    assert list(temporary.iterdir()) == []
    assert {path.name for path in oneprefix.directory.iterdir()} == {".env"}


def test_kept_results_can_be_looked_at_and_json_tells_the_rest(
    oneprefix: Command, tmp_path: Path
) -> None:
    kept = tmp_path / "kept"
    answer = oneprefix("demo", "--keep", str(kept), "--json")
    assert answer.code == 0, answer
    assert [artifact["key"] for artifact in answer.json["artifacts"]] == KEYS
    assert answer.json["files"] > 100
    with zipfile.ZipFile(kept / "run_4_results.zip") as archive:
        assert archive.testzip() is None
    assert (kept / "results" / "RUN4" / "summary.json").exists()
    again = oneprefix("demo", "--keep", str(kept))
    assert again.code == 1
    assert "is not empty" in again.err


def test_a_file_can_not_be_kept_in(oneprefix: Command, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    answer = oneprefix("demo", "--keep", str(tmp_path / "file"))
    assert answer.code == 1
    assert answer.err.startswith(f"oneprefix: {tmp_path}/file can't be used: ")
