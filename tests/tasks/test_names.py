"""The names on which foreign producers rely."""

import pytest

import tasks

NAMES = {
    "tasks.package_and_upload",
    "tasks.verify_job",
    "tasks.archive_job",
    "tasks.restore_job",
    "tasks.delete_job",
    "tasks.migrate_job",
}


def test_the_tasks_have_their_public_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONEPREFIX_BROKER_URL", "redis://nowhere")
    tasks.app.loader.import_default_modules()
    assert {name for name in tasks.app.tasks if name.startswith("tasks.")} == NAMES
