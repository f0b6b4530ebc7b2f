from worker.doctor.doctor import Doctor
from worker.doctor.finding import Health
from worker.doctor.settings import settings_checks
from worker.settings import Settings


def test_settings_that_a_worker_needs_are_broken_without_them() -> None:
    def healths(settings: Settings, *, has_embedded_broker: bool = True) -> dict[str, Health]:
        checks = settings_checks(settings, has_embedded_broker=has_embedded_broker)
        return {each.name: each.health for each in Doctor(checks)()}

    assert healths(Settings()) == {
        "bucket": Health.BROKEN,
        "results roots": Health.BROKEN,
        "database": Health.WARNING,
        "broker": Health.WARNING,
    }
    assert healths(Settings(), has_embedded_broker=False)["broker"] is Health.BROKEN
    full = Settings.model_validate(
        {
            "s3_bucket": "b",
            "results_roots": "/results",
            "database_url": "postgresql://ada:hunter2@h/db",
            "broker_url": "redis://:hunter2@h/0",
        }
    )
    assert set(healths(full, has_embedded_broker=False).values()) == {Health.OK}
    checks = settings_checks(full, has_embedded_broker=False)
    found = [each.found for each in Doctor(checks)()]
    assert "hunter2" not in str(found)
