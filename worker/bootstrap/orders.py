"""Which use case carries out which kind of order."""

import logging
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import timedelta
from time import monotonic
from typing import TYPE_CHECKING

from worker.bootstrap.buckets import require_bucket
from worker.errors import OneprefixError, PartlyFailed, VerificationFailed
from worker.models.order import (
    ArchiveOrder,
    DeleteOrder,
    MigrateOrder,
    Order,
    RestoreOrder,
    VerifyOrder,
    named_bucket,
)
from worker.models.storage_class import RestoreTier, StorageClass
from worker.use_cases.orders.ports import Tell
from worker.use_cases.retention.change_storage_class import StorageChange
from worker.use_cases.retention.outcome import Outcome

if TYPE_CHECKING:
    from worker.bootstrap.services import Services

log = logging.getLogger("oneprefix.orders")


def carry_out(services: "Services", order: Order, tell: Tell) -> Mapping[str, int]:
    """Do what the order says, as `worker.use_cases.orders.ports.Work`."""
    what = order.read()
    require_bucket(services.settings, named_bucket(what))
    match what:
        case VerifyOrder():
            return _verify(services, what, tell)
        case ArchiveOrder():
            change = StorageChange(
                StorageClass(what.storage_class),
                timedelta(days=what.older_than_days),
                what.to_bucket,
            )
            archive = services.change_storage_class
            planned = archive.plan(what.job_id, change, since=_given_at(services, order))
            return _counted(archive(planned), len(planned.items), tell)
        case RestoreOrder():
            restore = services.restore_job(what.bucket)
            archived = restore.plan(what.job_id, since=_given_at(services, order))
            outcomes = restore(archived, what.days, RestoreTier(what.tier))
            return _counted(outcomes, len(archived), tell)
        case DeleteOrder():
            delete = services.delete_job(what.bucket)
            since = _given_at(services, order)
            plan = (
                delete.plan(what.job_id, since=since)
                if what.prefix is None
                else delete.plan_prefix(what.prefix, since=since)
            )
            outcomes = delete(plan, who=_giver(order, what), order=order)
            return _counted(outcomes, plan.objects + plan.incomplete_uploads, tell)
        case MigrateOrder():
            return _migrate(services, what, order, tell)


def _giver(order: Order, what: DeleteOrder) -> str:
    """Who gave the order, by their own word, and the database's role that wrote its row."""
    name = order.given_by or str(what.who)
    return f"{name} as {order.given_as}".strip() if order.given_as else name


def _given_at(services: "Services", order: Order) -> float:
    """When the order was given, on the monotonic clock of this process; rather earlier than later.

    It is asked for anew: making the services may take seconds after the order was claimed.
    """
    asked_at = monotonic()
    now = services.orders.find(order.id)
    return asked_at - (now or order).age


def _verify(services: "Services", what: VerifyOrder, tell: Tell) -> Mapping[str, int]:
    verify = services.verify_job
    plan = verify.plan(what.job_id, what.run_id)
    verification = verify(plan, deep=what.deep, progress=tell)
    counts = {verdict.value: count for verdict, count in verification.counts.items()}
    wrong = [each for each in verification.judged if not each.verdict.is_right]
    for each in wrong:
        log.error("job %d: %s is %s: %s", what.job_id, each.key, each.verdict, each.detail)
    if wrong:
        told = ", ".join(f"{count:,} {verdict}" for verdict, count in counts.items())
        raise VerificationFailed(told, job_id=what.job_id, run_id=what.run_id)
    return counts


def _migrate(
    services: "Services", what: MigrateOrder, order: Order, tell: Tell
) -> Mapping[str, int]:
    migrate = services.migrate_artifacts
    jobs, since = [what.job_id], _given_at(services, order)
    total = sum(1 for _ in migrate.find(jobs, since=since))
    counts: Counter[str] = Counter()
    failures: list[OneprefixError] = []
    for done, (_, outcome) in enumerate(migrate(jobs, apply=True, since=since), 1):
        if isinstance(outcome, OneprefixError):
            log.error("%s", outcome)
            failures.append(outcome)
        else:
            counts["moved"] += len(outcome.moves)
            counts.update(each.reason for each in outcome.left)
        tell(done, total)
    if failures:
        raise failures[0]
    return +counts


def _counted(outcomes: Iterable[Outcome], total: int, tell: Tell) -> Mapping[str, int]:
    """Exhaust the outcomes, each of which does its part of the work, whatever fails.

    Raises PartlyFailed at the end if any failed.
    """
    counts: Counter[str] = Counter()
    failed: list[Outcome] = []
    done = 0
    for done, outcome in enumerate(outcomes, start=1):
        counts[outcome.state] += 1
        if outcome.error:
            failed.append(outcome)
        tell(done, max(done, total))
    if failed:
        raise PartlyFailed(f"{len(failed):,} of {done:,} objects failed: {failed[0].error}")
    return counts
