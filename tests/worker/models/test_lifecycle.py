import pytest

from worker.errors import InvalidRequest
from worker.models.lifecycle import LifecycleRule, aborts_incomplete_uploads, our_rules


def test_transition_and_expiry_share_a_rule_and_all_ids_are_ours() -> None:
    rules = our_rules(transition=(30, "GLACIER"), expire_days=365, abort_days=1)
    assert [rule.id for rule in rules] == ["oneprefix-artifacts", "oneprefix-incomplete-uploads"]
    assert all(rule.is_ours and rule.prefix == "jobs/" for rule in rules)
    assert (rules[0].transitions, rules[0].expire_days) == (((30, "GLACIER"),), 365)
    assert our_rules(transition=(0, "GLACIER"))[0].transitions == ((0, "GLACIER"),)
    assert our_rules() == []


@pytest.mark.parametrize("days", [365, 366])
def test_a_transition_that_would_come_too_late_is_refused(days: int) -> None:
    with pytest.raises(InvalidRequest, match="comes too late for artifacts that are deleted after"):
        our_rules(transition=(days, "GLACIER"), expire_days=365)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (LifecycleRule("a", abort_days=1), True),
        (LifecycleRule("a", abort_days=7, prefix=""), True),
        (LifecycleRule("a", abort_days=1, prefix="jobs/1"), False),
        (LifecycleRule("a", abort_days=1, prefix="other/"), False),
        (LifecycleRule("a", abort_days=1, prefix=None), False),
        (LifecycleRule("a", abort_days=1, is_enabled=False), False),
        (LifecycleRule("a", expire_days=1), False),
    ],
)
def test_only_an_enabled_rule_for_all_of_our_keys_aborts_incomplete_uploads(
    rule: LifecycleRule, expected: bool
) -> None:
    assert aborts_incomplete_uploads([LifecycleRule("other"), rule]) is expected
    assert not aborts_incomplete_uploads([])
