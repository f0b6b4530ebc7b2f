"""The doctor with the checks of everything that the settings name."""

from collections.abc import Callable
from functools import partial

from worker.bootstrap.repositories import Repositories
from worker.bootstrap.urls import broker_url, bucket_name, database_url
from worker.database.engine import make_engine
from worker.doctor import machine
from worker.doctor.broker import broker_checks
from worker.doctor.bucket import BucketChecks
from worker.doctor.database import DatabaseChecks
from worker.doctor.doctor import Doctor
from worker.doctor.finding import Check, Health, broken
from worker.doctor.machine import machine_checks
from worker.doctor.settings import settings_checks
from worker.embedded.broker import is_installed
from worker.errors import InvalidSettings, OneprefixError, SurroundingsUnusable
from worker.settings import Settings
from worker.storage.client import make_client


def make_doctor(settings: Settings) -> Doctor:
    return Doctor(
        [
            *settings_checks(settings, has_embedded_broker=is_installed()),
            *_checks_of("database", lambda: DatabaseChecks(make_engine(database_url(settings)))),
            *broker_checks(_known_broker(settings), partial(_installation_id, settings)),
            *(_checks_of("S3", lambda: _bucket_checks(settings)) if settings.s3_bucket else []),
            *machine_checks(settings.results_roots),
        ]
    )


def _installation_id(settings: Settings) -> str:
    try:
        return Repositories(settings).installation.id()
    except OneprefixError:
        return ""


def require_surroundings(settings: Settings) -> None:
    """Raise SurroundingsUnusable unless database, broker, bucket and results roots answer."""
    needed = [
        check
        for check in make_doctor(settings).checks
        if check.is_gate or check.area == machine.ROOTS
    ]
    for finding in Doctor(needed)():
        if finding.health is Health.BROKEN:
            raise SurroundingsUnusable(
                f"{finding.area}, {finding.name}: {finding.found}: {finding.advice}"
            )


def _checks_of(area: str, make: Callable[[], DatabaseChecks | BucketChecks]) -> list[Check]:
    """Return the checks of an adapter, or one that reports why it can't be constructed."""
    try:
        return make().checks()
    except OneprefixError as error:
        found = broken(str(error), "correct the settings")
        return [Check(area, "reachable", lambda: found, "")]


def _bucket_checks(settings: Settings) -> BucketChecks:
    return BucketChecks(make_client(quick=True), bucket_name(settings))


def _known_broker(settings: Settings) -> str | None:
    try:
        return broker_url(settings)
    except InvalidSettings:
        return None
