"""What can go wrong. Each message is one line, and holds no password.

OneprefixError
├── InvalidRequest       the arguments are no request
├── InvalidSettings      a setting or a driver is missing
├── DatabaseUnavailable  the database did not answer in time
├── DatabaseRefused      the database refused, and will refuse again
└── StillUnderWay        an upload was not over in time
"""


class OneprefixError(Exception):
    """Root of all errors of this package."""


class InvalidRequest(OneprefixError, ValueError):
    """The arguments are not a positive job id, a positive run id and an absolute path."""


class InvalidSettings(OneprefixError):
    """A setting is missing or unusable, or the database's driver is not installed."""


class DatabaseUnavailable(OneprefixError):
    """The database did not answer in time; what was asked may have been done."""


class DatabaseRefused(OneprefixError):
    """The database refused the statement and will refuse it again."""


class StillUnderWay(OneprefixError, TimeoutError):
    """An upload was not over in time."""
