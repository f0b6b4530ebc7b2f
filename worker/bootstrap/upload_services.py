"""What a worker does: uploads, made from the settings."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from random import SystemRandom
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from worker.bootstrap.buckets import encryption, make_bucket, require_bucket
from worker.bootstrap.repositories import Repositories
from worker.models.artifact import Artifact
from worker.process.identity import has_ended, this_process
from worker.process.limits import limit_met, oom_kills
from worker.process.processors import processors
from worker.process.send_queue import unacknowledged
from worker.use_cases.meter import Meter, Unmetered
from worker.use_cases.requests.cancel import CancelUploads
from worker.use_cases.requests.enqueue import EnqueueUpload
from worker.use_cases.requests.give_order import GiveOrder
from worker.use_cases.requests.ports import Publisher, RequestRepository
from worker.use_cases.requests.read_message import ReadMessage
from worker.use_cases.requests.rings import Rings
from worker.use_cases.retry_policy import RetryPolicy
from worker.use_cases.upload.caution import Caution
from worker.use_cases.upload.deaths import Deaths
from worker.use_cases.upload.large_runs import LargeRuns
from worker.use_cases.upload.leases import Leases
from worker.use_cases.upload.ports import OutgoingArchive
from worker.use_cases.upload.settling import Settling
from worker.use_cases.upload.upload_results import UploadResults

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from worker.metrics.meter import SharedMeter
    from worker.packaging.package import TreePackager
    from worker.process.worker_pool import WorkerPool
    from worker.storage.objects.bucket import Bucket
    from worker.storage.upload.results_store import S3ResultsStore

MIB = 1 << 20


@dataclass(frozen=True)
class UploadServices(Repositories):
    pool: "WorkerPool | None" = None
    """The pool that this process belongs to, if it is a worker's."""
    abandon: Callable[[], None] = lambda: None
    """Ends this process when its attempt hangs."""

    @cached_property
    def message_requests(self) -> RequestRepository:
        """What messages ask of the database; programs with its password ask `requests`."""
        return Rings(self.requests) if self.settings.require_row else self.requests

    @cached_property
    def read_message(self) -> ReadMessage:
        return ReadMessage(self.message_requests)

    @cached_property
    def give_order(self) -> GiveOrder:
        return GiveOrder(
            self.orders, partial(require_bucket, self.settings), self.settings.orders_by_message
        )

    @cached_property
    def installation_id(self) -> str:
        return self.installation.id()

    @property
    def known_installation_id(self) -> str | None:
        """The id if it was read before; the database is not asked."""
        return vars(self).get("installation_id")

    def enqueue_upload(self, publisher: Publisher) -> EnqueueUpload:
        return EnqueueUpload(self.requests, publisher, new_task_id)

    @cached_property
    def cancel_uploads(self) -> CancelUploads:
        return CancelUploads(self.cancellations, self.multipart_ids, self._abort)

    def _abort(self, key: str, multipart_id: str) -> bool:
        return self.bucket.abort(key, multipart_id)

    @cached_property
    def upload_results(self) -> UploadResults:
        from worker.process.worker_pool import WorkerPool  # needs Linux, as workers do

        pool = self.pool or WorkerPool()
        return UploadResults(
            requests=self.message_requests,
            uploads=self.uploads,
            jobs=self.jobs,
            runs=self.runs,
            packager=self.packager,
            results=_ResultsWhenNeeded(self),
            retry_policy=self.retry_policy,
            random=SystemRandom(),
            leases=self._leases,
            large_runs=LargeRuns(pool.large_runs, self.settings.large_run_mib * MIB),
            caution=Caution(pool.company),
            settling=Settling(self.settings.settle_seconds),
            must_stop=pool.shutdown.has_passed,
            limit_met=limit_met,
            on_its_way=unacknowledged,
            cancel_expired=self.cancel_uploads.of_expired,
            meter=self.meter,
        )

    @property
    def meter(self) -> Meter:
        return self._shared_meter or Unmetered()

    @cached_property
    def _shared_meter(self) -> "SharedMeter | None":
        if self.pool is None or self.pool.counts is None:
            return None
        from worker.metrics.meter import SharedMeter

        return SharedMeter(self.pool.counts)

    @property
    def retry_policy(self) -> RetryPolicy:
        return RetryPolicy(
            max_attempts=self.settings.max_attempts,
            missing_path_attempts=self.settings.missing_path_attempts,
            missing_path_seconds=self.settings.missing_path_seconds,
            base=self.settings.backoff_seconds,
            cap=self.settings.backoff_cap_seconds,
        )

    @property
    def deaths(self) -> Deaths:
        return Deaths(self.uploads, self.retry_policy, SystemRandom(), oom_kills, self.meter)

    @property
    def _leases(self) -> Leases:
        return Leases(
            self.uploads,
            owner=this_process(),
            has_ended=has_ended,
            deaths=self.deaths,
            seconds=self.settings.lease_seconds,
            stall_seconds=self.settings.stall_seconds,
            abandon=self.abandon,
        )

    @cached_property
    def packager(self) -> "TreePackager":
        from worker.packaging.package import GIB, Packing, TreePackager
        from worker.packaging.zip.deflate import LEVELS

        settings = self.settings
        share = max(2, -(-processors() // self._processes))
        packing = Packing(
            threads=settings.threads or min(share, processors()), level=LEVELS[settings.level]
        )
        return TreePackager(
            settings.results_roots,
            settings.run_directory_pattern,
            packing,
            settings.complete_marker,
            int(settings.max_run_gib * GIB) if settings.max_run_gib else None,
        )

    @cached_property
    def bucket(self) -> "Bucket":
        return make_bucket(self.settings)

    @cached_property
    def results(self) -> "S3ResultsStore":
        from worker.storage.upload.limits import BandwidthLimit, Sending
        from worker.storage.upload.results_store import S3ResultsStore

        settings, limit = self.settings, self.settings.bandwidth_mib
        sending = Sending(
            connections=settings.connections,
            part_size=settings.part_size_mib * MIB,
            memory=settings.memory_mib * MIB,
            bandwidth=BandwidthLimit(limit * MIB / self._processes) if limit else None,
            **({"taken": self._shared_meter.sent} if self._shared_meter else {}),
        )
        bucket = make_bucket(settings, sending.connections)
        return S3ResultsStore(bucket, encryption(settings), sending)

    @property
    def _processes(self) -> int:
        """How many share the machine's processors and the worker's bandwidth."""
        return self.pool.processes if self.pool else 1


@dataclass(frozen=True, slots=True)
class _ResultsWhenNeeded:
    """The `ResultsStore`, made within an attempt, whose row has the error if that fails.

    Making S3's client asks for credentials, from a service or a program that may be away.
    """

    services: UploadServices

    def begin(self, *arguments: Any, **named: Any) -> "AbstractContextManager[OutgoingArchive]":
        return self.services.results.begin(*arguments, **named)

    def abort(self, key: str, multipart_id: str) -> None:
        self.services.results.abort(key, multipart_id)

    def holds(self, artifact: Artifact) -> bool:
        return self.services.results.holds(artifact)

    def url(self, key: str) -> str:
        return self.services.results.url(key)


def new_task_id() -> str:
    return str(uuid4())
