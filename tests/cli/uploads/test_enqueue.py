import pytest

from tests.cli.command import Command


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("0", "4", "/r/RUN4"), "job id must be a positive integer"),
        (("12", "-4", "/r/RUN4"), "run id must be a positive integer"),
        ((str(2**63), "4", "/r/RUN4"), "below 2^63"),
        (("12", "4", "RUN4"), "path is not absolute"),
        (("12", "4", ""), "path is empty"),
        (("12", "4", "/r/../etc"), "path holds '..'"),
    ],
)
def test_what_makes_no_request_is_refused_at_once(
    oneprefix: Command, arguments: tuple[str, ...], says: str
) -> None:
    answer = oneprefix("enqueue", "--", *arguments)
    assert answer.code == 1
    assert says in answer.err
    assert answer.err.count("\n") == 1


def test_enqueue_without_a_broker_leaves_a_row_for_the_workers_to_come(oneprefix: Command) -> None:
    oneprefix("db", "upgrade")
    answer = oneprefix("enqueue", "12", "4", "/results/RUN4")
    assert (answer.code, answer.out) == (0, "job 12, run 4: REQUESTED\n")
    assert "a worker will do it" in answer.err
    assert answer.err.count("\n") == 1
