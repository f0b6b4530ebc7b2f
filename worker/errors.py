"""One tree of errors: a retry may cure a transient error and never cures a permanent one.

OneprefixError
├── PermanentError
│   ├── settings, requests   InvalidSettings (SurroundingsUnusable) · WorkerFails
│   │                        InvalidRequest (InvalidId) · IllegalTransition
│   │                        JobNotFound · JobUnusable · RunNotFound · RunNotInJob
│   │                        PrefixMismatch
│   ├── the machine's files  PathRefused · InvalidResultsDirectory
│   │                        FileUnusable (FileDiffers)
│   ├── artifacts            ArtifactNotFound · ArtifactArchived · InvalidObjectUrl · PlaceTaken
│   │                        InvalidArchive · ArchiveDamaged · MemberNotFound · ExpiryRefused
│   ├── whole jobs           VerificationFailed · UploadUnderWay · PartlyFailed · OrderFailed
│   ├── surroundings         StorageRefused (LifecycleUnknown) · DatabaseRefused · ForeignBroker
│   └── the upload           AttemptsExhausted · UploadGivenUp · UploadCancelled
└── TransientError
    ├── the run's directory  ResultsRootMissing · ResultsDirectoryMissing · TreeChanged
    ├── the worker           HelperLost · LimitMet · Stalled · LeaseLost · LeftAlone
    │                        Postponed (MustWait, HandedBack, Unfinished)
    ├── artifacts            ArtifactReplaced · RecordNotWritten
    └── surroundings         StorageUnavailable · DatabaseUnavailable · BrokerUnavailable
"""

from typing import Self

from worker.redaction import redacted


class OneprefixError(Exception):
    """Root of all errors of ours. `str()` is one line: the job, the run and what failed.

    It goes to rows, logs and terminals, so secrets in it are masked.
    """

    def __init__(
        self, message: str, *, job_id: int | None = None, run_id: int | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.job_id = job_id
        self.run_id = run_id
        #: Whether the upload's row has this error; if not, only a message that comes back retries.
        self.recorded = False

    def __str__(self) -> str:
        named = [("job", self.job_id), ("run", self.run_id)]
        where = ", ".join(f"{word} {value}" for word, value in named if value is not None)
        line = redacted(" ".join(self.message.split()))
        return f"{where}: {line}" if where else line

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"

    def concerning(self, *, job_id: int, run_id: int | None = None) -> Self:
        """Set the job and run where they are not set yet, and return the error itself."""
        self.job_id = job_id if self.job_id is None else self.job_id
        self.run_id = run_id if self.run_id is None else self.run_id
        return self


class PermanentError(OneprefixError):
    """A retry can't help: somebody has to change something first."""


class InvalidSettings(PermanentError):
    """A setting is missing or invalid; the message names its variable."""


class SurroundingsUnusable(InvalidSettings):
    """What a setting names can't be used: a database, broker, bucket or results root."""


class WorkerFails(PermanentError):
    """A worker ends by itself whenever it is started."""


class InvalidRequest(PermanentError, ValueError):
    """The arguments are not a positive job id, a positive run id and an absolute path."""


class InvalidId(InvalidRequest):
    """An id is not a positive integer."""


class IllegalTransition(PermanentError, ValueError):
    """The upload's state machine has no transition from its state to the wanted one."""


class JobNotFound(PermanentError):
    """`jobs` has no row with this id."""


class JobUnusable(PermanentError):
    """The job's row has no creation time, so that no prefix can be made of it."""


class RunNotFound(PermanentError):
    """`runs` has no row with this id."""


class RunNotInJob(PermanentError):
    """The run belongs to another job."""


class PathRefused(PermanentError):
    """The path lies outside the results roots, or leads through a symbolic link."""


class InvalidResultsDirectory(PermanentError):
    """The path neither is nor holds a run directory, or its tree can't be packed."""


class PrefixMismatch(PermanentError):
    """The prefix belongs to another job than the run does."""


class InvalidObjectUrl(PermanentError, ValueError):
    """The text is no URL of an object in S3."""


class ArchiveDamaged(PermanentError):
    """A stored archive's bytes contradict each other: a checksum, a size or an offset."""


class VerificationFailed(PermanentError):
    """Some of a job's results in S3 differ from what was recorded when they landed."""


class ExpiryRefused(PermanentError):
    """A presigned URL can't be valid so long: S3 or the credentials set a shorter limit."""


class ArtifactNotFound(PermanentError):
    """There is no object under the key."""


class ArtifactArchived(PermanentError):
    """The object's storage class requires a restore before it can be read."""


class InvalidArchive(PermanentError):
    """The object is no ZIP, is damaged, or would write outside the directory to unpack to."""


class MemberNotFound(PermanentError):
    """The archive holds no file of that name."""


class FileUnusable(PermanentError):
    """A file or directory on this machine can't be read or written."""


class FileDiffers(FileUnusable):
    """A file or directory on this machine is another than the one that was to be fetched."""


class PlaceTaken(PermanentError):
    """Another object stands under the key that was to be copied to."""


class UploadUnderWay(PermanentError):
    """A worker holds the lease of one of the job's uploads."""


class PartlyFailed(PermanentError):
    """A bulk operation failed for some of its objects."""


class OrderFailed(PermanentError):
    """An order about a whole job has failed; the message is its row's."""


class StorageRefused(PermanentError):
    """S3 refused the request and will refuse it again."""

    #: Whether the credentials do not permit the request. S3 answers so to a HEAD of an absent
    #: object too, unless the bucket may be listed.
    is_forbidden = False


class DatabaseRefused(PermanentError):
    """The database refused the statement and will refuse it again."""


class ForeignBroker(PermanentError):
    """The broker's queues are those of another installation, whose uploads have equal ids."""


class AttemptsExhausted(PermanentError):
    """Every allowed attempt failed; the message ends with the last one's."""


class UploadGivenUp(PermanentError):
    """The upload that was asked for had failed before; the message is its row's."""


class UploadCancelled(PermanentError):
    """The upload that was asked for was cancelled; the message is its row's."""


class TransientError(OneprefixError):
    """A retry may help."""

    #: Seconds until the next attempt, once the row has it.
    retry_in = 0.0


class ResultsRootMissing(TransientError):
    """A results root can't be opened on this worker, mostly for a missing mount."""


class ResultsDirectoryMissing(TransientError):
    """The run's directory does not exist, or is not visible on this worker yet."""


class TreeChanged(TransientError):
    """A file or directory changed, vanished or could not be read while it was being packed."""


class HelperLost(TransientError):
    """A helper process that packs small files died."""


class LimitMet(TransientError):
    """The system refused the worker memory, a thread or a process."""


class Postponed(TransientError):
    """The attempt was given up early: no failure, and not counted as an attempt.

    `size` is the run's size in bytes, if it was measured.
    """

    def __init__(self, message: str, *, size: int | None = None, **ids: int | None) -> None:
        super().__init__(message, **ids)
        self.size = size


class MustWait(Postponed):
    """The worker has other uploads that go first: large ones, or one that must run alone."""

    retry_in = 5.0


class HandedBack(Postponed):
    """The worker stops; another one continues the upload."""


class Unfinished(Postponed):
    """The run's directory is still written to, by ONEPREFIX_SETTLE_SECONDS or COMPLETE_MARKER."""

    def __init__(self, message: str, *, retry_in: float = 5.0, **more: int | None) -> None:
        super().__init__(message, **more)
        self.retry_in = retry_in


class Stalled(TransientError):
    """No byte was packed or sent for ONEPREFIX_STALL_SECONDS."""


class StorageUnavailable(TransientError):
    """S3 did not answer, or answered that it can't now."""


class LifecycleUnknown(StorageRefused):
    """The store does not implement lifecycle rules."""


class ArtifactReplaced(TransientError):
    """The object was replaced by another one while it was being read."""


class DatabaseUnavailable(TransientError):
    """The database did not answer, or answered that it can't now."""


class BrokerUnavailable(TransientError):
    """The broker did not answer, or the connection to it broke."""


class RecordNotWritten(TransientError):
    """The object is complete under `key`, but its row could not be written."""

    def __init__(self, message: str, *, key: str = "", **ids: int | None) -> None:
        super().__init__(message, **ids)
        self.key = key


class LeftAlone(TransientError):
    """No attempt was begun: another worker has the upload, or it is not due yet."""


class LeaseLost(TransientError):
    """The lease ran out or was taken over, so that this attempt must not write any more."""
