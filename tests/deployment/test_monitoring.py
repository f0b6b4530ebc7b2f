"""Alerts and dashboard name metrics that exist, and metrics and alerts are documented."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families
from ruamel.yaml import YAML

from cli.main import app
from tests.deployment.compose import ROOT
from worker.bootstrap.services import Services
from worker.metrics import worker
from worker.metrics.catalogue import FAILURES, POSTPONEMENTS, RETRIES, WIDTH
from worker.metrics.exposition import exposition
from worker.models.measured import Action
from worker.settings import Settings

DIRECTORY = ROOT / "deploy" / "monitoring"
DOCS = (ROOT / "docs" / "metrics.md").read_text()
RUNBOOK = (ROOT / "docs" / "operations.md").read_text()
NAME = re.compile(r"\boneprefix_\w+")
SELECTOR = re.compile(r'\b(oneprefix_\w+)\{(\w+)=(~?)"([^"]*)"\}')
#: What Prometheus itself puts on each series.
OWN_LABELS = {"job", "instance"}


@pytest.fixture(scope="module")
def expositions(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """The installation's and a worker's, of which nothing has happened yet."""
    url = f"sqlite:///{tmp_path_factory.mktemp('metrics') / 'jobs.db'}"
    services = Services(Settings(database_url=url))
    services.upgrade_schema()
    told = [services.metrics().body, exposition(worker.families([0.0] * WIDTH, 2)).body]
    services.engine.dispose()
    return told


@pytest.fixture(scope="module")
def families(expositions: list[bytes]) -> list[Metric]:
    return [
        family for each in expositions for family in text_string_to_metric_families(each.decode())
    ]


@pytest.fixture(scope="module")
def series(families: list[Metric]) -> dict[str, list[dict[str, str]]]:
    """The labels of each name that is exposed."""
    found: dict[str, list[dict[str, str]]] = {}
    for sample in (sample for family in families for sample in family.samples):
        found.setdefault(sample.name, []).append(sample.labels)
    return found


def alerts() -> list[dict[str, Any]]:
    [group] = YAML(typ="safe").load(DIRECTORY / "alerts.yml")["groups"]
    rules: list[dict[str, Any]] = group["rules"]
    return rules


def dashboard() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((DIRECTORY / "dashboard.json").read_text())
    return loaded


def panels() -> list[dict[str, Any]]:
    return [panel for panel in dashboard()["panels"] if panel["type"] != "row"]


def queries() -> list[str]:
    shown = [target["expr"] for panel in panels() for target in panel["targets"]]
    return shown + [alert["expr"] for alert in alerts()]


def promtool(*arguments: str, given: bytes | None = None) -> tuple[int, str]:
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("promtool is not installed: apt-get install prometheus")
    done = subprocess.run(
        [program, *arguments], input=given, capture_output=True, cwd=DIRECTORY, check=False
    )
    return done.returncode, (done.stdout + done.stderr).decode()


def test_each_name_in_alerts_and_dashboard_is_exposed(
    series: dict[str, list[dict[str, str]]],
) -> None:
    named = {name for query in queries() for name in NAME.findall(query)}
    assert len(named) > 25
    assert named - set(series) == set()


def test_each_value_that_they_select_is_one_that_the_label_has(
    series: dict[str, list[dict[str, str]]],
) -> None:
    selected = [
        (name, label, value)
        for query in queries()
        for name, label, is_pattern, text in SELECTOR.findall(query)
        for value in (text.split("|") if is_pattern else [text])
    ]
    assert selected
    for name, label, value in selected:
        assert any(labels.get(label) == value for labels in series[name]), (name, label, value)
    assert all(
        len(SELECTOR.findall(query)) == query.count("{") - query.count("up{") for query in queries()
    )


def test_they_group_and_tell_by_labels_that_exist(series: dict[str, list[dict[str, str]]]) -> None:
    labels = {label for each in series.values() for found in each for label in found} | OWN_LABELS
    grouped = {
        label.strip()
        for query in queries()
        for group in re.findall(r"\bby \(([^)]*)\)", query)
        for label in group.split(",")
    }
    texts = [target["legendFormat"] for panel in panels() for target in panel["targets"]]
    texts += [text for alert in alerts() for text in alert["annotations"].values()]
    told = {name for text in texts for name in re.findall(r"\{\{ ?(?:\$labels\.)?(\w+)", text)}
    assert grouped
    assert grouped | told <= labels


def test_each_series_is_shown_or_watched(series: dict[str, list[dict[str, str]]]) -> None:
    """A metric that nobody looks at is one to remove."""
    named = {name for query in queries() for name in NAME.findall(query)}

    def base(name: str) -> str:
        return re.sub(r"_(bucket|sum|count)$", "", name)

    unseen = {base(name) for name in series} - {base(name) for name in named}
    assert unseen == {"oneprefix_build_info"}


def test_the_documentation_lists_each_metric_with_type_labels_and_meaning(
    families: list[Metric],
) -> None:
    listed = re.findall(r"^\| `(oneprefix_\w+)` \| (\w+) \| (.*) \| (.*) \|$", DOCS, re.MULTILINE)
    exposed = {_documented(family) for family in families}
    assert len(listed) == len(set(listed))
    assert set(listed) == exposed


def _documented(family: Metric) -> tuple[str, str, str, str]:
    labels = dict.fromkeys(label for each in family.samples for label in each.labels)
    shown = ", ".join(f"`{label}`" for label in labels if label != "le")
    name = {"counter": f"{family.name}_total", "gauge": family.samples[0].name}
    return name.get(family.type, family.name), family.type, shown, family.documentation


def test_causes_and_actions_that_the_documentation_names_are_those_that_are_told() -> None:
    causes = {value for family in (RETRIES, POSTPONEMENTS, FAILURES) for value in family.values}
    named = set(re.findall(r"`([A-Z][a-z]+[A-Z]\w+)`", DOCS))
    assert len(named) > 15
    assert named <= causes
    assert {each for each in Action if f"`{each}`" not in DOCS} == set()


def test_each_alert_has_a_severity_texts_and_a_section_in_the_runbook() -> None:
    sections = re.findall(r"^## (\w+)$", RUNBOOK, re.MULTILINE)
    for alert in alerts():
        assert alert["labels"]["severity"] in {"critical", "warning"}
        assert set(alert["annotations"]) == {"summary", "description", "runbook_url"}
        path, _, anchor = alert["annotations"]["runbook_url"].partition("#")
        assert (ROOT / path).read_text() == RUNBOOK
        assert anchor == alert["alert"].lower()  # as a heading becomes an anchor
    assert sections == [alert["alert"] for alert in alerts()]


@pytest.mark.parametrize("page", ["docs/metrics.md", "docs/operations.md"])
def test_every_file_that_a_page_links_exists(page: str) -> None:
    targets = re.findall(r"\]\((?!http)([^)#]+)", (ROOT / page).read_text())
    assert targets
    assert [each for each in targets if not (ROOT / "docs" / each).exists()] == []


def test_each_section_of_the_runbook_tells_how_to_look_and_what_to_do() -> None:
    for section in re.split(r"^## (?=Oneprefix)", RUNBOOK, flags=re.MULTILINE)[1:]:
        assert re.findall(r"^\*\*(\w+)\.\*\*", section, re.MULTILINE) == ["Means", "Look", "Do"]


def test_commands_settings_and_panels_that_the_runbook_names_exist() -> None:
    known: Any = typer.main.get_command(app)
    for words in re.findall(r"\boneprefix ([a-z]+(?: [a-z]+)?)", RUNBOOK.replace("\n", " ")):
        first, _, second = words.partition(" ")
        assert first in known.commands, words
        assert second in getattr(known.commands[first], "commands", {second: None}), words
    variables = set(re.findall(r"ONEPREFIX_(\w+)", RUNBOOK))
    assert {each.lower() for each in variables} <= set(Settings.model_fields)
    titles = {panel["title"] for panel in panels()}
    shown = {" ".join(each.split()) for each in re.findall(r"[^*]\*([A-Z][^*]+)\*[^*]", RUNBOOK)}
    assert len(shown) > 3
    assert shown - titles == {"Status, Targets"}  # a page of Prometheus' own


def test_each_alert_has_a_case_in_which_it_fires_and_one_in_which_it_is_silent() -> None:
    cases = YAML(typ="safe").load(DIRECTORY / "alerts.test.yml")["tests"]
    tried = [
        (test["alertname"], bool(test["exp_alerts"]))
        for case in cases
        for test in case["alert_rule_test"]
    ]
    names = {alert["alert"] for alert in alerts()}
    assert {name for name, fires in tried if fires} == names
    assert {name for name, fires in tried if not fires} == names


def test_prometheus_takes_the_alerts_and_they_fire_where_they_should() -> None:
    assert promtool("check", "rules", "alerts.yml")[0] == 0
    code, told = promtool("test", "rules", "alerts.test.yml")
    assert code == 0, told


@pytest.mark.parametrize("alert", [alert["alert"] for alert in alerts()])
def test_the_cases_notice_an_alert_that_never_or_always_fires(alert: str, tmp_path: Path) -> None:
    shutil.copy(DIRECTORY / "alerts.test.yml", tmp_path)
    for broken in ("vector(1) > 2", "vector(1)"):
        rules = YAML(typ="safe").load(DIRECTORY / "alerts.yml")
        for rule in rules["groups"][0]["rules"]:
            if rule["alert"] == alert:
                rule["expr"] = broken
        with (tmp_path / "alerts.yml").open("w") as file:
            YAML(typ="safe").dump(rules, file)
        code, told = promtool("test", "rules", str(tmp_path / "alerts.test.yml"))
        assert code != 0
        assert alert in told


def test_prometheus_takes_the_example_configuration() -> None:
    code, told = promtool("check", "config", "prometheus.yml")
    assert code == 0, told
    config = YAML(typ="safe").load(DIRECTORY / "prometheus.yml")
    jobs = [each["job_name"] for each in config["scrape_configs"]]
    assert {job for query in queries() for job in re.findall(r'job="([^"]*)"', query)} <= set(jobs)


def test_names_and_texts_follow_the_conventions(expositions: list[bytes]) -> None:
    for each in expositions:
        assert promtool("check", "metrics", given=each) == (0, "")


def test_each_panel_has_a_unit_and_the_chosen_data_source() -> None:
    shown = dashboard()
    assert [each["type"] for each in shown["templating"]["list"]] == ["datasource"]
    assert shown["schemaVersion"] >= 36
    places = set()
    for panel in shown["panels"]:
        place = tuple(panel["gridPos"][side] for side in "xyhw")
        places.add(place)
        assert place[0] + place[3] <= 24
    assert len(places) == len(shown["panels"])
    assert len({panel["id"] for panel in shown["panels"]}) == len(shown["panels"])
    for panel in panels():
        assert panel["fieldConfig"]["defaults"]["unit"]
        assert set(_sources(panel)) == {"${datasource}"}


def _sources(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for each in value:
            yield from _sources(each)
    if isinstance(value, dict):
        if "datasource" in value:
            yield value["datasource"]["uid"]
        for each in value.values():
            yield from _sources(each)
