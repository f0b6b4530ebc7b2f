"""`oneprefix lifecycle`, and the store behind it."""

from dataclasses import dataclass
from typing import Any

import pytest

from tests.cli.command import Command
from tests.servers.faults import AnswerError
from tests.servers.proxying import Answer, Incoming, listening
from tests.servers.strict_bucket import only_moto
from tests.whole_job.conftest import Installation
from worker.models.lifecycle import aborts_incomplete_uploads

THEIRS: Any = {
    "ID": "logs [red]",
    "Filter": {"And": {"Prefix": "logs/", "Tags": [{"Key": "a", "Value": "b"}]}},
    "Status": "Enabled",
    "NoncurrentVersionExpiration": {"NoncurrentDays": 3},
}


def rules(installed: Installation) -> Any:
    place = {"Bucket": installed.strict.bucket}
    return installed.strict.upstream.get_bucket_lifecycle_configuration(**place)["Rules"]


@only_moto  # rclone knows no lifecycle
class TestTheCommands:
    def test_show_warns_while_nothing_aborts_incomplete_uploads(
        self, installed: Installation
    ) -> None:
        empty = installed.oneprefix("lifecycle", "show")
        assert (empty.code, empty.out) == (0, "The bucket has no lifecycle rules.\n")
        assert empty.err.startswith("warning: nothing aborts incomplete multipart uploads")
        assert empty.err.count("\n") == 1
        told = installed.oneprefix("lifecycle", "show", "--json").json
        assert told == {"rules": [], "aborts_incomplete_uploads": False}

    def test_apply_changes_ours_and_keeps_those_of_others(self, installed: Installation) -> None:
        installed.strict.upstream.put_bucket_lifecycle_configuration(
            Bucket=installed.strict.bucket, LifecycleConfiguration={"Rules": [THEIRS]}
        )
        [theirs] = rules(installed)
        options = ("--transition-days", "30", "--storage-class", "GLACIER", "--expire-days", "365")
        applied = installed.oneprefix("lifecycle", "apply", *options)
        assert (applied.code, applied.err) == (0, "")
        lines = [line.split(maxsplit=1) for line in applied.out.splitlines()]
        assert [line.split("  ")[0].strip() for line in applied.out.splitlines()] == [
            "rule",
            "logs [red]",
            "oneprefix-artifacts",
            "oneprefix-incomplete-uploads",
        ]
        assert "others'  a filter  NoncurrentVersionExpiration" in applied.out
        assert "to GLACIER after 30 days, deletes after 365 days" in lines[2][1]
        assert "aborts incomplete uploads after 1 day" in lines[3][1]
        assert rules(installed)[0] == theirs
        assert [each["ID"] for each in rules(installed)[1:]] == [
            "oneprefix-artifacts",
            "oneprefix-incomplete-uploads",
        ]

        again = installed.oneprefix("lifecycle", "apply", "--abort-days", "2", "--json").json
        assert again["aborts_incomplete_uploads"] is True
        assert [each["is_ours"] for each in again["rules"]] == [False, True]
        assert rules(installed)[0] == theirs
        assert rules(installed)[1]["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 2}
        assert aborts_incomplete_uploads(installed.services.lifecycle.lifecycle_rules())

    def test_a_dry_run_shows_the_rules_and_changes_nothing(self, installed: Installation) -> None:
        shown = installed.oneprefix("lifecycle", "apply", "--expire-days", "365", "--dry-run")
        assert (shown.code, shown.err) == (0, "These would be the rules; nothing was changed.\n")
        assert "deletes after 365 days" in shown.out
        assert "no lifecycle rules" in installed.oneprefix("lifecycle", "show").out
        assert installed.oneprefix("lifecycle", "apply", "--yes").code == 0
        assert len(rules(installed)) == 1

    def test_what_s3_refuses_is_one_line(self, installed: Installation) -> None:
        installed.strict.proxy.fault(
            lambda request: request.operation == "PutBucketLifecycleConfiguration",
            AnswerError(
                400, "InvalidArgument", "'Days' in Expiration must be greater than in Transition."
            ),
        )
        answer = installed.oneprefix(
            "lifecycle", "apply", "--transition-days", "3", "--expire-days", "9"
        )
        assert answer.code == 1
        assert answer.err.count("\n") == 1
        assert "S3 answered 400 InvalidArgument: 'Days' in Expiration must be" in answer.err


@pytest.mark.parametrize("upstream", ["rclone"], indirect=True)
def test_a_store_without_lifecycle_is_told_in_one_line(installed: Installation) -> None:
    answer = installed.oneprefix("lifecycle", "apply")
    assert answer.code == 1
    assert answer.err == (
        f"oneprefix: reading the lifecycle rules of {installed.strict.bucket}:"
        " the store knows no lifecycle rules\n"
    )


@dataclass
class Bucket:
    """Keeps any rules as they are sent, as S3 does, and more than moto does."""

    document: bytes
    minimum: str = "all_storage_classes_128K"

    def answer(self, incoming: Incoming) -> Answer:
        name = "x-amz-transition-default-minimum-object-size"
        if incoming.method == "PUT":
            self.document = incoming.body
            self.minimum = incoming.headers.get(name, "all_storage_classes_128K")
            return Answer(200, (), b"")
        return Answer(200, ((name, self.minimum),), self.document)


FORMS_TO_COME = (
    b'<LifecycleConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
    b"<Rule><ID>theirs</ID><Filter><Moon>full</Moon></Filter><Status>Enabled</Status>"
    b'<Shred passes="7" /></Rule></LifecycleConfiguration>'
)


def test_rules_in_forms_that_nobody_knows_yet_survive_and_so_does_the_bucket_s_minimum(
    installed: Installation,
) -> None:
    bucket = Bucket(FORMS_TO_COME, "varies_by_storage_class")
    with listening(bucket.answer) as url:
        environment = installed.environment | {"AWS_ENDPOINT_URL_S3": url}
        command = Command(installed.results.parent, environment)
        answer = command("lifecycle", "apply")
        assert answer.code == 0, answer
        assert "theirs" in answer.out
        assert "Shred" in answer.out
    theirs = FORMS_TO_COME.partition(b"<Rule>")[2].partition(b"</Rule>")[0]
    assert theirs in bucket.document
    assert b"oneprefix-incomplete-uploads" in bucket.document
    assert bucket.minimum == "varies_by_storage_class"
