import ast
import os
from pathlib import Path

import pytest

from worker.bootstrap.preflight import require_worker_settings, surprises
from worker.bootstrap.services import Services
from worker.bootstrap.urls import broker_url, database_url
from worker.errors import InvalidSettings
from worker.settings import Settings, described, load_settings

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable and no `.env` of the surroundings."""
    for name in list(os.environ):
        if name.startswith("ONEPREFIX_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def test_with_nothing_set_all_have_defaults() -> None:
    settings = load_settings()
    assert settings.database_url is None
    assert settings.results_roots == ()
    assert settings.run_directory_pattern == "RUN*"


def test_roots_are_separated_by_colons(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONEPREFIX_RESULTS_ROOTS", "/results:/scratch/results:")
    assert load_settings().results_roots == (Path("/results"), Path("/scratch/results"))


def test_a_dot_env_file_is_read_and_the_environment_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text(
        "ONEPREFIX_S3_BUCKET=from-file\nONEPREFIX_MAX_ATTEMPTS=3\nOTHER=x\n"
    )
    monkeypatch.setenv("ONEPREFIX_S3_BUCKET", "from-environment")
    settings = load_settings()
    assert (settings.s3_bucket, settings.max_attempts) == ("from-environment", 3)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to others")
@pytest.mark.parametrize("links", [False, True])
def test_another_users_dot_env_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    theirs = tmp_path / ("theirs" if links else ".env")
    theirs.write_text("ONEPREFIX_S3_BUCKET=theirs\n")
    if links:
        (tmp_path / ".env").symlink_to(theirs)
    assert load_settings().s3_bucket == "theirs"  # root's
    os.chown(theirs, 1001, -1)
    with pytest.raises(InvalidSettings, match=r"\.env belongs to another user \(1001\)"):
        load_settings()
    os.chown(theirs, 1000, -1)
    assert load_settings().s3_bucket == "theirs"


def test_a_dot_env_in_another_encoding_is_one_line(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"\xff\xfe")
    with pytest.raises(InvalidSettings, match="not in UTF-8"):
        load_settings()


def test_what_the_current_directory_has_is_told(tmp_path: Path) -> None:
    assert surprises() == []
    (tmp_path / ".env").touch()
    (tmp_path / "tasks.py").touch()
    env, tasks = surprises()
    assert f"{tmp_path}/.env" in env
    assert f"{tmp_path}/tasks.py is not this worker's" in tasks


def test_a_secret_may_be_a_file_and_the_environment_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "oneprefix_database_url").write_text("postgresql://ada:pw@db/x\n")
    (tmp_path / "oneprefix_broker_url").write_text("redis://:pw@broker/0\n")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    monkeypatch.setenv("ONEPREFIX_BROKER_URL", "redis://:other@broker/0")
    settings = load_settings()
    assert settings.database_url is not None
    assert settings.database_url.get_secret_value() == "postgresql://ada:pw@db/x"
    assert broker_url(settings) == "redis://:other@broker/0"


def test_a_directory_of_secrets_that_is_missing_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", "/nonexistent")
    assert load_settings().database_url is None


def test_an_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONEPREFIX_BROKER_URL", "")
    assert load_settings().broker_url is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LEASE_SECONDS", "soon"),
        ("LEASE_SECONDS", "0"),
        ("MAX_ATTEMPTS", "0"),
        ("RESULTS_ROOTS", "results"),
        ("RESULTS_ROOTS", "/results/../etc"),
        ("SERVER_SIDE_ENCRYPTION", "rot13"),
        ("RUN_DIRECTORY_PATTERN", "runs/RUN*"),
        ("DATABASE_URL", "oneprefix.db"),
        ("DATABASE_URL", "postgresql://u:pa/hunter2@host/db"),
        ("BROKER_URL", "redis://:pa/hunter2@host:6379/0"),
        ("BROKER_URL", "redis://:pa#hunter2@host:6379/0"),
    ],
)
def test_a_garbled_value_is_refused_in_one_line_that_names_its_variable(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv("ONEPREFIX_" + name, value)
    with pytest.raises(InvalidSettings, match="ONEPREFIX_" + name) as refusal:
        load_settings()
    assert "\n" not in str(refusal.value)
    assert "hunter2" not in str(refusal.value)


def test_secrets_are_masked_where_settings_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONEPREFIX_DATABASE_URL", "postgresql://ada:hunter2@host/db")
    monkeypatch.setenv("ONEPREFIX_BROKER_URL", "redis://:hunter@2@host:6379/0?password=hunter2")
    settings = load_settings()
    shown = {variable: value for variable, value, _ in described(settings)}
    assert shown["ONEPREFIX_DATABASE_URL"] == "postgresql://***@host/db"
    assert shown["ONEPREFIX_BROKER_URL"] == "redis://***@host:6379/0"
    assert "hunter" not in repr(settings) + str(shown)


def test_what_others_could_read_in_the_data_directory_is_private_again(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir(mode=0o755)
    for name in ("oneprefix.db", "oneprefix.db-wal"):
        (data / name).touch(mode=0o644)
    database_url(Settings(data_dir=data))
    assert {path.stat().st_mode & 0o777 for path in data.iterdir()} == {0o600}
    assert data.stat().st_mode & 0o777 == 0o700


def test_without_a_database_there_is_sqlite_in_the_data_directory(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data")
    assert database_url(settings) == f"sqlite:///{tmp_path}/data/oneprefix.db"
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700


def test_without_a_broker_it_is_said_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(InvalidSettings, match="set ONEPREFIX_BROKER_URL, or run `oneprefix up`"):
        broker_url(Settings(data_dir=tmp_path))


def test_a_worker_needs_a_bucket_and_roots(tmp_path: Path) -> None:
    with pytest.raises(InvalidSettings, match="ONEPREFIX_S3_BUCKET"):
        require_worker_settings(Settings())
    with pytest.raises(InvalidSettings, match="ONEPREFIX_RESULTS_ROOTS"):
        require_worker_settings(Settings(s3_bucket="b"))
    require_worker_settings(Settings(s3_bucket="b", results_roots=(tmp_path,)))


def test_making_services_connects_to_nothing(tmp_path: Path) -> None:
    services = Services(
        Settings.model_validate({"database_url": "postgresql://nobody@nowhere.invalid/x"})
    )
    assert services.requests is services.requests
    assert services.upload_list


def test_only_the_settings_read_the_environment() -> None:
    readers = set()
    for path in sorted((ROOT / "worker").rglob("*.py")):
        names = {
            node.attr
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Attribute)
        }
        if names & {"environ", "getenv"}:
            readers.add(path.relative_to(ROOT).as_posix())
    assert readers == {"worker/settings.py"}


@pytest.mark.parametrize("name", ["WEB_PASSWORD", "WEB_OPERATOR_TOKEN"])
def test_a_secret_of_the_pages_that_is_soon_guessed_is_refused(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(f"ONEPREFIX_{name}", "x" * 11)
    with pytest.raises(InvalidSettings, match="11 characters; give it 12 at least"):
        load_settings()
    monkeypatch.setenv(f"ONEPREFIX_{name}", "x" * 12)
    load_settings()
