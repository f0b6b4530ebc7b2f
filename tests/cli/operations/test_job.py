"""`oneprefix job add`: jobs and runs where no orchestrator makes them."""

import pytest

from tests.cli.command import Command


@pytest.fixture
def ready(oneprefix: Command) -> Command:
    assert oneprefix("db", "upgrade").code == 0
    return oneprefix


def add(ready: Command, *arguments: str) -> str:
    answer = ready("job", "add", *arguments)
    assert answer.code == 0, answer.err
    return answer.out


def test_a_job_is_made_with_its_runs_and_its_prefix_is_told(ready: Command) -> None:
    made = ready(
        "job", "add", "12", "--runs", "4,6-8", "--created-at", "2025-10-23T23:15+02:00", "--json"
    )
    assert made.code == 0, made.err
    assert made.json["runs"] == [4, 6, 7, 8]
    assert made.json["prefix"] == "jobs/12/2025/10/23/211500/"
    again = add(ready, "12", "--runs", "9")  # its time stays, whatever the clock says
    assert again == "job 12 with 1 run: its results go to jobs/12/2025/10/23/211500/\n"
    assert ready("enqueue", "12", "8", "/results/RUN8").code == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("13", "--runs", "4"), "job 13, run 4: the run belongs to job 12"),
        (("12", "--runs", "4", "--created-at", "2025-01-01T00:00Z"), "and stays so"),
        (("0", "--runs", "4"), "job id must be a positive integer"),
        (("14", "--runs", str(2**63)), "below 2^63"),
    ],
)
def test_what_contradicts_the_tables_changes_nothing(
    ready: Command, arguments: tuple[str, ...], says: str
) -> None:
    add(ready, "12", "--runs", "4")
    refused = ready("job", "add", *arguments)
    assert refused.code == 1
    assert says in refused.err
    assert refused.err.count("\n") == 1
    assert ready("status", arguments[0]).code == (0 if arguments[0] == "12" else 1)


@pytest.mark.parametrize("runs", ["", "x", "5-4", "1-200000", "4,,5", "-3", "1_0"])
def test_runs_are_ids_and_ranges(ready: Command, runs: str) -> None:
    refused = ready("job", "add", "12", f"--runs={runs}")
    assert refused.code == 2
    assert "--runs" in refused.err


def test_without_tables_it_says_how_to_make_them(oneprefix: Command) -> None:
    refused = oneprefix("job", "add", "12", "--runs", "4")
    assert refused.code == 1
    assert "oneprefix db upgrade" in refused.err
    assert refused.err.count("\n") == 1
