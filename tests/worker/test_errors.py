import pickle

import pytest

from worker import errors
from worker.errors import OneprefixError, PermanentError, RecordNotWritten, TransientError

ALL = [
    value
    for value in vars(errors).values()
    if isinstance(value, type) and issubclass(value, OneprefixError)
]


@pytest.mark.parametrize("kind", ALL)
def test_every_error_is_permanent_or_transient_drawn_in_the_tree_and_explained(
    kind: type[OneprefixError],
) -> None:
    assert errors.__doc__
    assert kind.__name__ in errors.__doc__
    assert kind.__doc__
    if kind is not OneprefixError:
        assert issubclass(kind, PermanentError) is not issubclass(kind, TransientError)


@pytest.mark.parametrize("kind", ALL)
def test_an_error_is_one_line_with_job_and_run_also_after_a_trip_between_processes(
    kind: type[OneprefixError],
) -> None:
    error = kind("it\n  failed", job_id=12, run_id=4)
    for each in (error, pickle.loads(pickle.dumps(error))):
        assert str(each) == "job 12, run 4: it failed"
        assert repr(each) == f"{kind.__name__}('job 12, run 4: it failed')"
    assert str(kind("it failed")) == "it failed"


def test_an_error_keeps_the_ids_that_it_names_already() -> None:
    error = RecordNotWritten("no row", key="k", job_id=12, run_id=4)
    assert (error.concerning(job_id=1, run_id=2).job_id, error.key) == (12, "k")
