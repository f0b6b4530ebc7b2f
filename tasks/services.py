"""This process's adapters, made after the fork and on first use."""

import os
from functools import cache

from worker.bootstrap import Services
from worker.settings import load_settings


def services() -> Services:
    """The calling process's own: connections must not be shared across a fork."""
    return _services_of(os.getpid())


@cache
def _services_of(_pid: int) -> Services:
    return Services(load_settings())
