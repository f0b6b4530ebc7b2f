"""A process that dies between two steps that belong together."""

from random import Random

import pytest

from tests.chaos.aftermath import aftermath
from tests.chaos.audit import audit, completed_twice, settle
from tests.chaos.conftest import LONG
from tests.chaos.figures import note
from tests.chaos.fleet import sabotaged
from tests.chaos.runs import MIB, make_runs, path_of
from tests.chaos.test_broker import enqueued
from tests.end_to_end.cluster import Cluster

#: Nothing but the row tells of a message that was popped: as shipped, that takes five minutes.
SOON = {} if LONG else {"ONEPREFIX_REPUBLISH_SECONDS": "3"}


@pytest.mark.timeout(600)
@pytest.mark.parametrize("moment", ["forked", "popped", "taken", "completed", "recorded"])
def test_a_death_between_two_steps_loses_and_doubles_nothing(
    running: Cluster, dice: Random, moment: str
) -> None:
    ids = make_runs(running, 3, dice, largest=12 * MIB)
    with sabotaged(running, moment, SOON) as fleet:
        enqueued(running, ids)
        settle(running, len(ids), seconds=400)
    died_at = (running.directory / "died").stat().st_mtime
    audit(running)
    assert completed_twice(running) == 0
    note(f"death once {moment}", **aftermath(running, died_at), restarts=fleet.restarts)


def test_a_message_without_a_row_outlives_the_worker_that_took_it(
    running: Cluster, dice: Random
) -> None:
    ids = make_runs(running, 3, dice, largest=MIB)
    with sabotaged(running, "taken", {}) as fleet:
        for run_id in ids:
            running.send(12, run_id, path_of(running, run_id))
        settle(running, len(ids), seconds=400)
    died_at = (running.directory / "died").stat().st_mtime
    audit(running)
    assert completed_twice(running) == 0
    note(
        "death once taken, of a message alone",
        **aftermath(running, died_at),
        restarts=fleet.restarts,
    )
