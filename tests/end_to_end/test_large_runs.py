"""Large runs, small runs, and a worker that has to do with both."""

from tests.end_to_end.cluster import Cluster, eventually
from tests.servers.faults import Hang, S3Request
from worker.models.upload import UploadState

MIB = 1 << 20


def is_large(request: S3Request) -> bool:
    return request.operation == "PutObject" and "run_4" in request.key


def test_small_runs_land_while_large_ones_wait_for_each_other(running: Cluster) -> None:
    for run, size in (4, 2 * MIB), (5, 2 * MIB), (6, 100):
        directory = running.results / f"RUN{run}"
        directory.mkdir()
        (directory / "out.csv").write_bytes(bytes(size))
    running.strict.proxy.fault(is_large, Hang(8), times=1)
    running.start_worker(ONEPREFIX_LARGE_RUN_MIB="1", ONEPREFIX_LEASE_SECONDS="60")
    running.send(12, 4, str(running.results / "RUN4"))

    def is_being_stored() -> bool:
        row = running.row(12, 4)
        return bool(row and row.checksum)

    eventually(is_being_stored, "run 4 is being stored")
    running.send(12, 5, str(running.results / "RUN5"))
    waiting = running.wait_for(12, 5, UploadState.RETRYING)
    assert waiting.error is not None
    assert "job 12, run 5: waits for its turn" in waiting.error
    running.send(12, 6, str(running.results / "RUN6"))
    assert running.wait_for(12, 6).landed_at is not None
    still = running.row(12, 4)
    assert still is not None
    assert still.state is UploadState.UPLOADING
    assert (running.wait_for(12, 4).attempt, running.wait_for(12, 5).attempt) == (1, 1)
