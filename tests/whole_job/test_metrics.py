"""What the metrics say of a job while it lands, is deleted and lands anew."""

from collections.abc import Callable

import pytest

from tests.servers.scrape import Samples, samples
from tests.servers.strict_bucket import only_moto
from tests.whole_job.conftest import Installation
from tests.worker.packaging.trees import make
from worker.models.upload_request import UploadRequest


@pytest.mark.parametrize("upstream", ["moto"], indirect=True)
def test_no_counter_falls_while_results_are_deleted_and_land_anew(installed: Installation) -> None:
    only_moto(installed.strict)
    directory = installed.results / "RUN5"
    make(directory, {"out.csv": b"1\n"})

    def ask() -> None:
        installed.services.requests.request(UploadRequest(12, 5, str(directory)), published=False)

    def delete() -> None:
        assert installed.oneprefix("delete", "12", "--yes").code == 0

    def replace() -> None:
        request = UploadRequest(12, 4, str(installed.results / "RUN4"), replace=True)
        assert installed.services.upload_results(request)

    steps: list[Callable[[], object]] = [
        lambda: installed.land(4),
        ask,
        delete,
        replace,
        lambda: installed.oneprefix("retry", "12"),
        delete,
    ]
    seen = [told(installed)]
    for step in steps:
        step()
        seen.append(told(installed))
    counters = [name for name in seen[0] if name[0].endswith("_total")]
    for name in counters:
        values = [each[name] for each in seen]
        assert values == sorted(values), name
    landed = [each["oneprefix_uploads_ended_total", "LANDED"] for each in seen]
    assert landed == [0, 1, 1, 1, 2, 2, 2]
    failed = [each["oneprefix_uploads_ended_total", "FAILED"] for each in seen]
    assert failed == [0, 0, 0, 1, 1, 1, 2]
    assert seen[-1]["oneprefix_uploads", "FAILED"] == 1
    assert seen[-1]["oneprefix_landed_bytes_total",] > seen[1]["oneprefix_landed_bytes_total",] > 0


def told(installed: Installation) -> Samples:
    return samples(installed.services.metrics().body)
