"""What is ours changes, and nothing else, whatever it is made of."""

import xml.etree.ElementTree as ET

from worker.models.lifecycle import LifecycleRule, our_rules
from worker.storage.manage.lifecycle_document import EMPTY, merged, read

HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'
BEGIN = '<LifecycleConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
END = "</LifecycleConfiguration>"
LOGS = (
    "<Rule><ID>logs</ID><Filter><And><Prefix>logs/</Prefix><Tag><Key>a</Key><Value>&lt;b&gt; &amp;"
    "</Value></Tag><ObjectSizeGreaterThan>500</ObjectSizeGreaterThan></And></Filter>"
    "<Status>Disabled</Status><Transition><Date>2030-01-01T00:00:00Z</Date>"
    "<StorageClass>GLACIER</StorageClass></Transition><NoncurrentVersionExpiration>"
    "<NoncurrentDays>3</NoncurrentDays></NoncurrentVersionExpiration></Rule>"
)
TO_COME = (
    "<Rule><ID>of a year to come</ID><Filter /><Status>Enabled</Status>"
    '<Shred passes="7"><AfterMoons>2</AfterMoons></Shred></Rule>'
)
OURS = (
    "<Rule><ID>oneprefix-artifacts</ID><Filter><Prefix>jobs/</Prefix></Filter>"
    "<Status>Enabled</Status><Expiration><Days>3</Days></Expiration></Rule>"
)


def document(*rules: str) -> bytes:
    return (HEAD + BEGIN + "".join(rules) + END).encode()


def texts(changed: bytes) -> list[str]:
    """Each rule's XML, in the form in which S3 gets it."""
    inside = changed.decode().removeprefix(BEGIN).removesuffix(END)
    return [f"{each}</Rule>" for each in inside.split("</Rule>")[:-1]]


def test_rules_of_others_go_back_as_they_came_whatever_their_form() -> None:
    rules = our_rules(transition=(30, "GLACIER"), abort_days=1)
    changed = merged(document(LOGS, OURS, TO_COME), rules)
    assert texts(changed)[:2] == [LOGS, TO_COME]
    assert read(changed)[2:] == rules
    assert texts(merged(changed, []))[:2] == [LOGS, TO_COME]
    assert read(merged(changed, []))[2:] == []


def test_what_is_not_known_of_a_rule_is_named() -> None:
    logs, to_come = read(document(LOGS, TO_COME))
    assert logs == LifecycleRule(
        "logs",
        is_enabled=False,
        prefix=None,
        more=("Transition", "NoncurrentVersionExpiration"),
    )
    assert to_come == LifecycleRule("of a year to come", prefix="", more=("Shred",))


def test_ours_take_the_old_form_beside_rules_that_have_it() -> None:
    old = (
        "<Rule><ID>old</ID><Prefix>tmp/</Prefix><Status>Enabled</Status>"
        "<Expiration><Days>1</Days></Expiration></Rule>"
    )
    changed = merged(document(old), our_rules(abort_days=1))
    assert texts(changed)[0] == old
    ours = ET.fromstring(changed).findall("{*}Rule")[1]
    assert ours.findtext("{*}Prefix") == "jobs/"
    assert ours.find("{*}Filter") is None
    assert read(changed)[0].prefix == "tmp/"


def test_a_bucket_without_rules_gets_ours() -> None:
    rules = our_rules(transition=(0, "DEEP_ARCHIVE"), expire_days=9, abort_days=2)
    assert read(merged(EMPTY, rules)) == rules
    assert read(EMPTY) == []
