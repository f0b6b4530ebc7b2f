"""A bucket's lifecycle rules: ours, and what can be told of others'."""

from collections.abc import Iterable
from dataclasses import dataclass

#: Of the ids of our rules, and of the keys that they are for.
OURS, KEYS = "oneprefix-", "jobs/"


@dataclass(frozen=True, slots=True)
class LifecycleRule:
    id: str
    is_enabled: bool = True
    prefix: str | None = KEYS
    """None where the rule's filter is more than a prefix."""
    transitions: tuple[tuple[int, str], ...] = ()
    """After how many days, to which storage class."""
    expire_days: int | None = None
    abort_days: int | None = None
    """After which an incomplete multipart upload is aborted."""
    more: tuple[str, ...] = ()
    """What the rule has beside these, by its names in XML."""

    @property
    def is_ours(self) -> bool:
        return self.id.startswith(OURS)


def our_rules(
    *,
    transition: tuple[int, str] | None = None,
    expire_days: int | None = None,
    abort_days: int | None = None,
) -> list[LifecycleRule]:
    """Transition and expiry in one rule, so that S3 sees whether they agree."""
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
    """Whether all multipart uploads under `jobs/` are aborted some day."""
    return any(
        rule.is_enabled
        and rule.abort_days is not None
        and rule.prefix is not None
        and KEYS.startswith(rule.prefix)
        for rule in rules
    )
