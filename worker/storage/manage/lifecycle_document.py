"""Reads and changes the XML of lifecycle rules, keeping elements that are unknown here."""

import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator

from worker.models.lifecycle import LifecycleRule

_NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
EMPTY = f'<LifecycleConfiguration xmlns="{_NAMESPACE}"/>'.encode()
_READ = {
    "ID",
    "Status",
    "Prefix",
    "Filter",
    "Transition",
    "Expiration",
    "AbortIncompleteMultipartUpload",
}
ET.register_namespace("", _NAMESPACE)


def read(document: bytes) -> list[LifecycleRule]:
    return [_rule(element) for element in _rules(ET.fromstring(document))]  # noqa: S314  from S3


def merged(document: bytes, ours: Iterable[LifecycleRule]) -> bytes:
    """Replace oneprefix's own rules in the document; leave all others untouched."""
    root = ET.fromstring(document)  # noqa: S314  from S3
    for element in list(_rules(root)):
        if _rule(element).is_ours:
            root.remove(element)
    # S3 refuses a Filter beside rules of the old form, which have a bare Prefix
    is_old = any(element.find("{*}Prefix") is not None for element in _rules(root))
    for rule in ours:
        root.append(_element(rule, is_old=is_old))
    return ET.tostring(root)


def _rules(root: ET.Element) -> Iterator[ET.Element]:
    return root.iterfind("{*}Rule")


def _rule(element: ET.Element) -> LifecycleRule:
    return LifecycleRule(
        id=element.findtext("{*}ID", ""),
        is_enabled=element.findtext("{*}Status") == "Enabled",
        prefix=_prefix(element),
        transitions=tuple(
            (days, each.findtext("{*}StorageClass", ""))
            for each in element.iterfind("{*}Transition")
            if (days := _number(each, "{*}Days")) is not None
        ),
        expire_days=_number(element, "{*}Expiration/{*}Days"),
        abort_days=_number(element, "{*}AbortIncompleteMultipartUpload/{*}DaysAfterInitiation"),
        more=tuple(_more(element)),
    )


def _prefix(element: ET.Element) -> str | None:
    old = element.find("{*}Prefix")
    if old is not None:
        return old.text or ""
    inner = list(element.iterfind("{*}Filter/*"))
    if not inner:
        return ""
    is_prefix = len(inner) == 1 and _name(inner[0]) == "Prefix"
    return (inner[0].text or "") if is_prefix else None


def _more(element: ET.Element) -> Iterator[str]:
    """Yield the names of elements for which LifecycleRule has no field."""
    for each in element:
        dated = _name(each) in ("Transition", "Expiration") and each.find("{*}Days") is None
        if dated or _name(each) not in _READ:
            yield _name(each)


def _number(element: ET.Element, path: str) -> int | None:
    text = element.findtext(path)
    return int(text) if text else None


def _name(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]


def _element(rule: LifecycleRule, *, is_old: bool) -> ET.Element:
    element = ET.Element(_tag("Rule"))
    _add(element, "ID", rule.id)
    _add(element if is_old else _add(element, "Filter"), "Prefix", rule.prefix or "")
    _add(element, "Status", "Enabled")
    for days, storage_class in rule.transitions:
        transition = _add(element, "Transition")
        _add(transition, "Days", str(days))
        _add(transition, "StorageClass", storage_class)
    if rule.expire_days:
        _add(_add(element, "Expiration"), "Days", str(rule.expire_days))
    if rule.abort_days:
        abort = _add(element, "AbortIncompleteMultipartUpload")
        _add(abort, "DaysAfterInitiation", str(rule.abort_days))
    return element


def _add(parent: ET.Element, name: str, text: str | None = None) -> ET.Element:
    child = ET.SubElement(parent, _tag(name))
    child.text = text
    return child


def _tag(name: str) -> str:
    return f"{{{_NAMESPACE}}}{name}"
