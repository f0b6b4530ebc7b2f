"""Whether what travels to a server can be read, or changed, on its way."""

import socket

from worker.doctor.finding import Diagnosis, ok, warning


def diagnose_encryption(
    host: str | None, *, encrypted: bool, advice: str, verified: bool = True
) -> Diagnosis:
    """Warn of a connection to another host that is not encrypted, or to a server unknown by name.

    `host` is None, or a path, for a Unix socket. `advice` says how to set TLS.
    """
    if encrypted and verified:
        return ok("TLS, with the server's certificate checked")
    if host is None or host.startswith(("/", "@")) or is_this_one(host):
        return ok("nothing leaves this machine")
    if encrypted:
        return warning(f"TLS, but nobody checks that the server is {host}", advice)
    return warning(
        f"plaintext to {host}: whoever is on the way reads, and changes, what is sent", advice
    )


def is_this_one(host: str) -> bool:
    """Whether the name or address leads to this machine alone."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_DGRAM)
    except OSError:
        return False
    return bool(found) and all(_is_own(family, address) for family, _, _, _, address in found)


def _is_own(family: int, address: tuple[str | int, ...] | tuple[int, bytes]) -> bool:
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(address)  # which the kernel allows for its own addresses alone
        except OSError:
            return False
    return True
