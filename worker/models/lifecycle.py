"""A bucket's lifecycle rules: oneprefix's own, and what is known of the others."""

from collections.abc import Iterable
from dataclasses import dataclass

from worker.errors import InvalidRequest
from worker.models.job_s3_prefix import ALL_JOBS
from worker.wording import counted

#: What the ids of our rules begin with.
OURS = "oneprefix-"


@dataclass(frozen=True, slots=True)
class LifecycleRule:
    id: str
    is_enabled: bool = True
    prefix: str | None = ALL_JOBS
    """None where the rule's filter is more than a prefix."""
    transitions: tuple[tuple[int, str], ...] = ()
    """(days, storage class) of each."""
    expire_days: int | None = None
    abort_days: int | None = None
    """Days after which an incomplete multipart upload is aborted."""
    more: tuple[str, ...] = ()
    """XML elements of the rule for which there is no field here."""

    @property
    def is_ours(self) -> bool:
        return self.id.startswith(OURS)


def our_rules(
    *,
    transition: tuple[int, str] | None = None,
    expire_days: int | None = None,
    abort_days: int | None = None,
) -> list[LifecycleRule]:
    """The rules for all jobs' keys; `transition` is (days, storage class).

    Raises InvalidRequest for a transition that does not come before the expiry; S3 refuses it too.
    """
    if transition and expire_days is not None and transition[0] >= expire_days:
        raise InvalidRequest(
            f"a transition after {counted(transition[0], 'day')} comes too late for artifacts that"
            f" are deleted after {counted(expire_days, 'day')}"
        )
    rules = []
    if transition or expire_days:
        transitions = (transition,) if transition else ()
        rules.append(
            LifecycleRule(f"{OURS}artifacts", transitions=transitions, expire_days=expire_days)
        )
    if abort_days:
        rules.append(LifecycleRule(f"{OURS}incomplete-uploads", abort_days=abort_days))
    return rules


def aborts_incomplete_uploads(rules: Iterable[LifecycleRule]) -> bool:
    """Whether a rule aborts every incomplete multipart upload of a job some day."""
    return any(
        rule.is_enabled
        and rule.abort_days is not None
        and rule.prefix is not None
        and ALL_JOBS.startswith(rule.prefix)
        for rule in rules
    )
