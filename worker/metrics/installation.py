"""Metrics of the whole installation, the same whichever process answers."""

from collections.abc import Iterator, Mapping
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from worker.models.snapshot import Ended, Snapshot, UnderWay


def families(snapshot: Snapshot) -> Iterator[Metric]:
    """Yield the metrics of a snapshot; each has every value of its label, also for nothing."""
    yield _gauge(
        "oneprefix_uploads",
        "Uploads by state; of LANDED, also those whose results were deleted since.",
        _counts(snapshot.uploads) | _present(snapshot.ended_uploads),
    )
    yield _counter(
        "oneprefix_uploads_ended",
        "Uploads that came to be in this state, ever.",
        _ever(snapshot.ended_uploads),
    )
    yield CounterMetricFamily(
        "oneprefix_landed_bytes",
        "Bytes of the archives that have landed, ever.",
        snapshot.landed_bytes,
    )
    yield CounterMetricFamily(
        "oneprefix_refused_messages",
        "Messages without a usable request, ever: each left a FAILED row without ids.",
        snapshot.refused_messages,
    )
    yield _gauge(
        "oneprefix_oldest_upload_age_seconds",
        "Seconds since the oldest upload in this state was asked for, or may begin; 0 without any.",
        {state: each.oldest for state, each in snapshot.uploads.items()},
    )
    yield _gauge(
        "oneprefix_upload_overdue_seconds",
        "Seconds for which the first upload that is due has waited for a worker; 0 if none is due.",
        {state: each.overdue for state, each in snapshot.uploads.items()},
    )
    yield GaugeMetricFamily(
        "oneprefix_expired_leases",
        "Uploads whose lease has run out, and no worker has taken them yet.",
        snapshot.expired_leases,
    )
    incomplete = snapshot.incomplete_uploads
    yield _gauge(
        "oneprefix_incomplete_multipart_uploads",
        "Incomplete multipart uploads in S3 that rows name: held by an attempt, resumable by the"
        " next one, or left by an upload that is over.",
        {
            "held": incomplete.held,
            "resumable": incomplete.resumable,
            "left": incomplete.left,
        },
        label="status",
    )
    yield _gauge(
        "oneprefix_orders",
        "Orders about whole jobs by state.",
        _counts(snapshot.orders) | _present(snapshot.ended_orders),
    )
    yield _counter(
        "oneprefix_orders_ended",
        "Orders that came to be in this state, ever.",
        _ever(snapshot.ended_orders),
    )
    yield _gauge(
        "oneprefix_oldest_order_age_seconds",
        "Seconds since the oldest order in this state was given; 0 without any.",
        {state: each.oldest for state, each in snapshot.orders.items()},
    )
    yield _gauge(
        "oneprefix_order_overdue_seconds",
        "Seconds for which the first order that is due has waited for a process; 0 if none is due.",
        {state: each.overdue for state, each in snapshot.orders.items()},
    )


def _counts(under_way: Mapping[Any, UnderWay]) -> dict[str, float]:
    return {state: each.count for state, each in under_way.items()}


def _present(ended: Mapping[Any, Ended]) -> dict[str, float]:
    return {state: each.present for state, each in ended.items()}


def _ever(ended: Mapping[Any, Ended]) -> dict[str, float]:
    return {state: each.ever for state, each in ended.items()}


def _gauge(name: str, told: str, values: Mapping[Any, float], *, label: str = "state") -> Metric:
    return _filled(GaugeMetricFamily(name, told, labels=[label]), values)


def _counter(name: str, told: str, values: Mapping[Any, float]) -> Metric:
    return _filled(CounterMetricFamily(name, told, labels=["state"]), values)


def _filled(family: GaugeMetricFamily | CounterMetricFamily, values: Mapping[Any, float]) -> Metric:
    for value, number in values.items():
        family.add_metric([value], number)
    return family
