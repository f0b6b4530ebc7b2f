"""The doctor, with the checks of everything that these settings name."""

from collections.abc import Callable

from worker.bootstrap.urls import broker_url, bucket_name, database_url
from worker.database.engine import make_engine
from worker.doctor.broker import broker_checks
from worker.doctor.bucket import S3Checkup
from worker.doctor.database import DatabaseCheckup
from worker.doctor.doctor import Doctor
from worker.doctor.finding import Check, broken
from worker.doctor.machine import packing_checks
from worker.doctor.settings import settings_checks
from worker.errors import InvalidSettings, OneprefixError
from worker.settings import Settings
from worker.storage.client import make_client


def make_doctor(settings: Settings) -> Doctor:
    return Doctor(checks(settings))


def checks(settings: Settings) -> list[Check]:
    return [
        *settings_checks(settings),
        *_checks_of("database", lambda: _database_checkup(settings)),
        *broker_checks(_known_broker(settings)),
        *(_checks_of("S3", lambda: _s3_checkup(settings)) if settings.s3_bucket else []),
        *packing_checks(settings.results_roots),
    ]


def _checks_of(area: str, make: Callable[[], DatabaseCheckup | S3Checkup]) -> list[Check]:
    """Those of an adapter, or the one that tells why it can't be made."""
    try:
        return make().checks()
    except OneprefixError as error:
        found = broken(str(error), "correct the settings")
        return [Check(area, "reachable", lambda: found, "")]


def _database_checkup(settings: Settings) -> DatabaseCheckup:
    return DatabaseCheckup(make_engine(database_url(settings)))


def _s3_checkup(settings: Settings) -> S3Checkup:
    return S3Checkup(make_client(quick=True), bucket_name(settings))


def _known_broker(settings: Settings) -> str | None:
    try:
        return broker_url(settings)
    except InvalidSettings:
        return None
