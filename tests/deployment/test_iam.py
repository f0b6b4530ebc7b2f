"""The policies of `deploy/iam` name what the code asks of S3 in each role, and nothing else."""

import ast
import json
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from botocore.session import Session

from tests.deployment.compose import ROOT

WORKER, READER, OPERATOR, TRYING = "worker", "reader", "operator", "trying"

#: Who comes to each function that asks S3: a worker that uploads, a person who reads, or one who
#: changes, which carrying out an order does too. `TRYING`: `oneprefix demo` alone.
ROLES = {
    "doctor.bucket._put": {OPERATOR},
    "doctor.bucket._send_in_parts": {OPERATOR},
    "doctor.bucket.objects": {OPERATOR},
    "doctor.bucket.reach": {OPERATOR},
    "doctor.trial_objects._abort_uploads": {OPERATOR},
    "doctor.trial_objects._delete_versions": {OPERATOR},
    "doctor.trial_objects._remove": {OPERATOR},
    "storage.manage.copy.copy_at_once": {OPERATOR},
    "storage.manage.copy_parts._copy_part": {OPERATOR},
    "storage.manage.copy_parts._tagging": {OPERATOR},
    "storage.manage.copy_parts.copy_in_parts": {OPERATOR},
    "storage.manage.lifecycle_rules._get": {OPERATOR},
    "storage.manage.lifecycle_rules.apply": {OPERATOR},
    "storage.manage.storage_classes.require_bucket": {OPERATOR},
    "storage.manage.storage_classes.restore": {OPERATOR},
    "storage.manage.versions._delete_one": {OPERATOR},
    "storage.manage.versions._request": {OPERATOR},
    "storage.manage.versions._versions": {OPERATOR},
    "storage.objects.bucket.create": {TRYING},
    "storage.objects.bucket.delete": {OPERATOR},
    "storage.objects.bucket.head": {WORKER, READER, OPERATOR},
    "storage.objects.bucket.incomplete_uploads": {WORKER, OPERATOR},
    "storage.objects.bucket.list": {READER, OPERATOR},
    "storage.objects.bucket.moment": {OPERATOR},
    "storage.objects.bucket.require_aborted": {WORKER, OPERATOR},
    "storage.objects.read_range._body": {READER, OPERATOR},
    "storage.presigned_urls._signed": set(),  # tells the two below apart
    "storage.presigned_urls.to_download": {READER, OPERATOR},
    "storage.presigned_urls.to_upload": {OPERATOR},
    "storage.upload.multipart._complete": {WORKER, OPERATOR},
    "storage.upload.multipart._upload_part": {WORKER, OPERATOR},
    "storage.upload.multipart.stored_parts": {WORKER, OPERATOR},
    "storage.upload.results_store._opened": {WORKER, OPERATOR},
    "storage.upload.single_put._put": {WORKER, OPERATOR},
}
#: Those that name a version of an object, for which IAM has actions of their own.
OF_VERSIONS = {
    "storage.objects.bucket.head": {READER, OPERATOR},
    "storage.objects.read_range._body": {READER, OPERATOR},
    "storage.manage.versions._delete_one": {OPERATOR},
    "storage.manage.versions._request": {OPERATOR},
    "doctor.trial_objects._delete_versions": {OPERATOR},
}
#: What IAM calls that, where it is not s3:{Operation}.
# https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html
ACTIONS = {
    "CompleteMultipartUpload": {"s3:PutObject"},
    "CopyObject": {"s3:GetObject", "s3:PutObject", "s3:GetObjectTagging", "s3:PutObjectTagging"},
    "CreateMultipartUpload": {"s3:PutObject"},
    "DeleteObjects": {"s3:DeleteObject"},
    "GetBucketLifecycleConfiguration": {"s3:GetLifecycleConfiguration"},
    "HeadBucket": {"s3:ListBucket"},
    "HeadObject": {"s3:GetObject"},
    "ListMultipartUploads": {"s3:ListBucketMultipartUploads"},
    "ListObjectVersions": {"s3:ListBucketVersions"},
    "ListObjectsV2": {"s3:ListBucket"},
    "ListParts": {"s3:ListMultipartUploadParts"},
    "PutBucketLifecycleConfiguration": {"s3:PutLifecycleConfiguration"},
    "UploadPart": {"s3:PutObject"},
    "UploadPartCopy": {"s3:GetObject", "s3:PutObject"},
}
VERSIONED = {"s3:GetObject": "s3:GetObjectVersion", "s3:DeleteObject": "s3:DeleteObjectVersion"}


@cache
def asked() -> dict[str, set[str]]:
    """The actions that each function of `worker/` needs for the operations that it names."""
    operations = dict(Session().create_client("s3", "us-east-1").meta.method_to_api_mapping)
    found: dict[str, set[str]] = {}
    for path in (ROOT / "worker").rglob("*.py"):
        module = ".".join(path.relative_to(ROOT / "worker").with_suffix("").parts)
        for function, name in _names(ast.parse(path.read_text()), ""):
            if operation := operations.get(name):
                actions = ACTIONS.get(operation, {f"s3:{operation}"})
                found.setdefault(f"{module}.{function}", set()).update(actions)
    return found


def _names(node: ast.AST, function: str) -> Iterator[tuple[str, str]]:
    for child in ast.iter_child_nodes(node):
        inner = child.name if isinstance(child, ast.FunctionDef) else function
        if isinstance(child, ast.Attribute):
            yield inner, child.attr
        elif isinstance(child, ast.Constant) and isinstance(child.value, str):
            yield inner, child.value  # as paginators and presigned URLs are asked for
        yield from _names(child, inner)


def policy(role: str) -> list[dict[str, Any]]:
    document = json.loads((ROOT / "deploy" / "iam" / f"{role}.json").read_text())
    assert document["Version"] == "2012-10-17"
    statements: list[dict[str, Any]] = document["Statement"]
    return statements


def test_every_function_that_asks_s3_has_its_roles() -> None:
    assert asked().keys() == ROLES.keys()


@pytest.mark.parametrize("role", [WORKER, READER, OPERATOR])
def test_a_policy_allows_what_the_code_asks_in_that_role_and_nothing_else(role: str) -> None:
    needed = {
        action for function, roles in ROLES.items() if role in roles for action in asked()[function]
    }
    for function, roles in OF_VERSIONS.items():
        if role in roles:
            needed |= {VERSIONED[each] for each in asked()[function] if each in VERSIONED}
    allowed = [action for statement in policy(role) for action in statement["Action"]]
    assert len(allowed) == len(set(allowed))
    assert set(allowed) == needed


@pytest.mark.parametrize("role", [WORKER, READER, OPERATOR])
def test_a_policy_reaches_no_key_outside_the_jobs(role: str) -> None:
    ours = {"jobs/*"} | ({"results/job_*"} if role == OPERATOR else set())  # to migrate them
    for statement in policy(role):
        assert statement["Effect"] == "Allow"
        resources = statement["Resource"]
        keys = {each.partition("/")[2] for each in _list(resources)}
        if keys == {""} and statement["Sid"] == "Listings":
            keys = set(_list(statement["Condition"]["StringLike"]["s3:prefix"]))
        assert keys in ({""}, ours)
        if keys == {""}:
            assert all("Lifecycle" in action for action in statement["Action"])
        assert all(each.startswith("arn:aws:s3:::BUCKET") for each in _list(resources))


def _list(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]
