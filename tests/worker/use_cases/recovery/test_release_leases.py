"""Leases of dead processes of this machine end at once; all others run out by themselves."""

from dataclasses import dataclass, field

from tests.fakes.uploads import FakeDatabase, FakeUploads, later
from worker.models.upload import Upload, UploadState
from worker.use_cases.recovery.release_leases import ReleaseLeases

HERE = "boot.1"


@dataclass
class Here:
    """This machine, with uploads that its processes and another's hold."""

    database: FakeDatabase = field(default_factory=FakeDatabase)
    ended: set[str] = field(default_factory=set)

    def hold(self, run_id: int, owner: str) -> None:
        self.database.rows[12, run_id] = Upload(
            12,
            run_id,
            "/r",
            state=UploadState.UPLOADING,
            owner=owner,
            fence=1,
            lease_until=later(600),
        )

    def release(self, machine: str = HERE) -> int:
        uploads = FakeUploads(self.database)
        return ReleaseLeases(uploads, uploads.release, machine, self.ended.__contains__)()

    def is_due(self, run_id: int) -> bool:
        uploads = FakeUploads(self.database)
        return uploads.claim(12, run_id, owner="next", lease=60) is not None


def test_only_leases_of_processes_that_have_ended_here_are_released() -> None:
    here = Here()
    here.hold(1, f"host:1@{HERE}.5")
    here.hold(2, f"host:2@{HERE}.6")
    here.hold(3, "host:1@other.1.5")
    here.ended = {f"host:1@{HERE}.5", "host:1@other.1.5"}
    assert here.release() == 1
    assert [here.is_due(run_id) for run_id in (1, 2, 3)] == [True, False, False]


def test_where_nothing_tells_one_machine_from_another_no_lease_is_touched() -> None:
    here = Here()
    here.hold(1, "host:1")
    here.ended = {"host:1"}
    assert here.release(machine="") == 0
    assert not here.is_due(1)


def test_a_lease_that_another_recovery_has_released_is_not_counted() -> None:
    here = Here()
    here.hold(1, f"host:1@{HERE}.5")
    here.ended = {f"host:1@{HERE}.5"}
    uploads = FakeUploads(here.database)
    release = ReleaseLeases(uploads, lambda _held: False, HERE, here.ended.__contains__)
    assert release() == 0
