"""Credentials that are looked up again once S3 refuses them: a file that has been replaced.

botocore renews those that say when they expire. It reads a file, or asks a command, once.
"""

import logging
from collections.abc import Callable
from threading import Lock
from time import monotonic
from typing import Any

from botocore.credentials import Credentials, ReadOnlyCredentials
from botocore.exceptions import BotoCoreError, ClientError

log = logging.getLogger(__name__)

#: S3's codes for credentials that are not valid, or not any more; HEAD's have only the status.
#: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
REFUSED_CODES = frozenset(
    {
        "400",
        "403",
        "ExpiredToken",
        "InvalidAccessKeyId",
        "InvalidToken",
        "SignatureDoesNotMatch",
        "TokenRefreshRequired",
    }
)
#: Seconds between two look-ups, each of which may run a command or ask a server.
LOOK_EVERY = 5.0
#: Tries of one request with credentials that are new each time.
TRIES = 3


class RotatingCredentials:
    """Those of botocore's chain, as it last found them; has all of their attributes."""

    def __init__(self, found: Credentials, look_up: Callable[[], Credentials | None]) -> None:
        self.current = found
        self._look_up = look_up
        self._lock = Lock()
        self._looked_at = self._changed_at = -LOOK_EVERY

    def __getattr__(self, name: str) -> Any:
        return getattr(self.current, name)

    def get_frozen_credentials(self) -> ReadOnlyCredentials:
        """The keys to sign with."""
        return self.current.get_frozen_credentials()

    def retry_if_renewed(self, response: Any = None, attempts: int = 1, **_: Any) -> int | None:
        """Handle botocore's `needs-retry`: 0, to send again at once, if there are new ones."""
        answer = response[1] if response else {}
        code = answer.get("Error", {}).get("Code")
        return 0 if code in REFUSED_CODES and attempts < TRIES and self._renew() else None

    def _renew(self) -> bool:
        """Look the credentials up; returns whether they have just changed, for any thread."""
        with self._lock:
            now = monotonic()
            if now - self._looked_at >= LOOK_EVERY:
                self._looked_at = now
                if self._is_new(found := self._found()):
                    log.warning(
                        "S3 refuses the credentials; there are new ones, from %s", found.method
                    )
                    self.current, self._changed_at = found, now
            return now - self._changed_at < LOOK_EVERY

    def _found(self) -> Any:
        try:
            return self._look_up()
        except (BotoCoreError, ClientError, OSError) as error:
            log.warning("S3 refuses the credentials, and there are no others: %s", error)
            return None

    def _is_new(self, found: Credentials | None) -> bool:
        return found is not None and self._keys(found) != self._keys(self.current)

    @staticmethod
    def _keys(credentials: Credentials) -> tuple[str | None, ...]:
        frozen = credentials.get_frozen_credentials()
        return frozen.access_key, frozen.secret_key, frozen.token

    def load_credentials(self) -> "RotatingCredentials":
        """Be a session's provider of credentials."""
        return self
