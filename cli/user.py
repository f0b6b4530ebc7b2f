"""Who gives an order: the name that records and reasons show."""

import getpass
import os
import socket


def user() -> str:
    """The user's name and the machine's, as `ada@solver-3`."""
    try:
        name = getpass.getuser()
    except (OSError, KeyError):  # a container's user may have no name
        name = str(os.getuid())
    return f"{name}@{socket.gethostname()}"
