"""`make audit` fails for what is vulnerable, and never says of the unknown that it is fine."""

from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from typing import Any

import pytest

from tests.deployment.compose import ROOT

FINE: dict[str, Any] = {"name": "celery", "version": "5.7", "vulns": []}
VULNERABLE: dict[str, Any] = {"name": "urllib3", "version": "1.0", "vulns": [{"id": "CVE-1"}]}
UNKNOWN: dict[str, Any] = {"name": "vine", "version": "5.1", "skip_reason": "not found"}


@pytest.fixture
def audit(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr("sys.dont_write_bytecode", True)
    loader = SourceFileLoader("audit", str(ROOT / ".ci" / "audit"))
    spec = spec_from_loader("audit", loader)
    assert spec is not None
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("answers", "code", "says"),
    [
        ([FINE, UNKNOWN], 0, "pypi knows 1 of 2 packages"),
        ([FINE, VULNERABLE], 1, "urllib3 1.0: CVE-1"),
        ([UNKNOWN], 0, "NOT AUDITED"),
        ([], 0, "NOT AUDITED"),
    ],
)
def test_each_answer_is_told(
    audit: Any,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    answers: list[dict[str, Any]],
    code: int,
    says: str,
) -> None:
    monkeypatch.setattr(audit, "asked", lambda *_: answers)
    assert audit.main() == code
    assert says in capsys.readouterr().out
