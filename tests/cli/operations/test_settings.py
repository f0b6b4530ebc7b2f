import json
from dataclasses import replace

from tests.cli.command import Command


def test_settings_are_shown_with_secrets_masked(oneprefix: Command) -> None:
    secretive = replace(
        oneprefix,
        environment=oneprefix.environment
        | {"ONEPREFIX_DATABASE_URL": "postgresql://ada:hunter2@host/db"},
    )
    shown = secretive("settings")
    assert shown.code == 0
    assert "postgresql://***@host/db" in shown.out
    values = secretive("settings", "--json").json
    assert values["ONEPREFIX_DATABASE_URL"] == "postgresql://***@host/db"
    assert values["ONEPREFIX_S3_BUCKET"] is None
    assert "hunter2" not in shown.out + json.dumps(values)
