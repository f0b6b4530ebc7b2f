"""Who asks: roles, signed cookies that survive a restart, and tokens against forged requests."""

import hashlib
import hmac
import secrets
import time
from dataclasses import dataclass, field
from enum import IntEnum
from functools import cached_property
from typing import Self

from worker.settings import Settings

#: Seconds until a person has to sign in again.
LIFETIME = 12 * 60 * 60
COOKIE = "oneprefix_session"


class Role(IntEnum):
    """Each may do what those before it may."""

    VISITOR = 0
    READER = 1
    OPERATOR = 2


@dataclass(frozen=True, slots=True)
class Session:
    role: Role = Role.VISITOR
    cookie: str = ""
    """As it is sent; empty before a person signs in, and for programs."""
    is_program: bool = False
    """Whether the request brings its secret in a header, which no browser does by itself."""


@dataclass(frozen=True)
class Gate:
    """Knows the two secrets. A cookie is signed by a key of the secret that its holder gave.

    So nobody can try out a secret that they do not know on a cookie that they have.
    """

    password: str | None = field(repr=False)
    operator_token: str | None = field(repr=False)

    @classmethod
    def of(cls, settings: Settings) -> Self:
        told = (settings.web_password, settings.web_operator_token)
        return cls(*(each.get_secret_value() if each else None for each in told))

    @property
    def least(self) -> Role:
        """What anybody may do who reaches the page."""
        return Role.VISITOR if self.password else Role.READER

    def role_of(self, secret: str) -> Role | None:
        """The role that the secret gives; None if it is neither of the two."""
        roles = {Role.READER: self.password, Role.OPERATOR: self.operator_token}
        given = [role for role, known in roles.items() if known and same(known, secret)]
        return max(given, default=None)

    def begin(self, role: Role) -> Session:
        unsigned = f"{role.value}.{int(time.time())}.{secrets.token_urlsafe(24)}"
        return Session(role, f"{unsigned}.{self._sign(role, unsigned)}")

    def session(self, cookie: str) -> Session | None:
        """The session of the cookie; None if it is not ours or too old."""
        unsigned, _, signature = cookie.rpartition(".")
        role, since, *_ = (*unsigned.split("."), "", "")
        if not (role in self._keys and since.isdecimal() and since.isascii()):
            return None
        known = Role(int(role))
        is_ours = same(self._sign(known, unsigned), signature)
        is_fresh = 0 <= time.time() - int(since) <= LIFETIME
        return Session(known, cookie) if is_ours and is_fresh else None

    def form_token(self, session: Session) -> str:
        """What a form of this session has to bring, which another site can't know."""
        return self._sign(session.role, f"form {session.cookie}")

    def _sign(self, role: Role, text: str) -> str:
        return hmac.digest(self._keys[str(role.value)], text.encode(), "sha256").hex()

    @cached_property
    def _keys(self) -> dict[str, bytes]:
        # visitors sign in only: their key need not survive a restart
        known = {Role.READER: self.password, Role.OPERATOR: self.operator_token}
        keys = {str(role.value): _key(secret) for role, secret in known.items() if secret}
        return keys | {str(Role.VISITOR.value): secrets.token_bytes(32)}


def same(known: str, given: str) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(known.encode(), given.encode(errors="replace"))


def _key(secret: str) -> bytes:
    # slow to compute, in case that a cookie is stolen and its secret guessed at
    return hashlib.scrypt(secret.encode(), salt=b"oneprefix web", n=1 << 14, r=8, p=1, dklen=32)
