"""Which permission is taken away, and what counts as a refusal of it."""

from typing import Any

import pytest

from rehearsal.story.act import UnmetExpectationError
from rehearsal.story.denials import actions_of, candidates, denied, judged, kinds_of, refusal

SAID = (
    "ClientError: Failed to download data from s3://lake/gold/: An error occurred (AccessDenied) when calling the"
    " GetObject operation: User: arn:aws:sts::000000000000:assumed-role/jobs/SageMaker is not authorized to perform:"
    " s3:GetObject on resource: arn:aws:s3:::lake/gold/a with an explicit deny in an identity-based policy\nmore"
)


def test_what_was_used_last_is_taken_away_in_its_order_and_the_listing_last() -> None:
    used = ["logs:PutLogEvents", "s3:ListBucket", "kms:Decrypt", "s3:GetObject", "s3:PutObject", "s3:GetObject"]

    assert candidates(used, ["sagemaker:DescribeModelPackage"]) == ["s3:GetObject", "s3:PutObject", "s3:ListBucket"]


def test_of_a_role_that_was_not_used_it_is_what_its_policies_allow() -> None:
    assert candidates([], ["kms:Decrypt", "states:StartExecution"]) == ["states:StartExecution"]


def test_who_only_writes_logs_loses_that() -> None:
    assert candidates(["logs:PutLogEvents"], ["cloudwatch:PutMetricData"]) == ["logs:PutLogEvents"]


def test_a_refusal_is_found_by_its_action_in_whatever_is_said() -> None:
    words = refusal(SAID, "s3:GetObject")

    assert words is not None
    assert words.startswith("User: arn:aws:sts::000000000000:assumed-role/jobs/SageMaker is not authorized")
    assert words.endswith("identity-based policy")
    assert refusal(SAID, "s3:GetObjectVersion") is None
    assert refusal(SAID, "s3:Get") is None
    assert refusal('{"m": "not authorized to perform: eks:DescribeCluster on \\"x\\""}', "eks:DescribeCluster")


def test_a_failure_that_names_the_action_is_as_it_must_be_and_one_that_needed_nothing_is_not_it() -> None:
    assert judged("s3:GetObject", said=SAID, refused=["s3:GetObject"]) == refusal(SAID, "s3:GetObject")
    assert judged("s3:PutObject", said=None, refused=[]) is None


def test_success_without_what_was_refused_is_false() -> None:
    with pytest.raises(UnmetExpectationError, match="s3:PutObject was refused, and yet"):
        judged("s3:PutObject", said=None, refused=["s3:PutObject"])


def test_a_failure_that_does_not_say_what_is_missing_is_not_enough() -> None:
    with pytest.raises(UnmetExpectationError, match="without s3:PutObject it failed, and does not say so: 500"):
        judged("s3:PutObject", said="500", refused=["s3:PutObject"])


def test_only_what_is_allowed_counts() -> None:
    deny = {"Effect": "Deny", "Action": "s3:*", "Resource": "*"}
    allow = {"Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject"], "Resource": "*"}

    assert actions_of({"Statement": [deny, allow]}) == ["s3:GetObject", "s3:PutObject"]
    assert actions_of({"Statement": {**allow, "Action": "sns:Publish"}}) == ["sns:Publish"]


def test_the_services_that_may_have_a_role_are_read_from_its_trust() -> None:
    statement = {"Effect": "Allow", "Principal": {"Service": ["lambda.amazonaws.com"]}, "Action": "sts:AssumeRole"}

    assert kinds_of({"Statement": [statement]}) == {"lambda.amazonaws.com"}
    assert kinds_of({"Statement": {**statement, "Principal": {"AWS": "*"}}}) == set()


class _Iam:
    """Keeps what roles are denied."""

    def __init__(self) -> None:
        self.policies: dict[str, str] = {}

    def put_role_policy(self, **given: str) -> None:
        self.policies[given["RoleName"]] = given["PolicyDocument"]

    def delete_role_policy(self, **given: str) -> None:
        del self.policies[given["RoleName"]]


def test_what_was_taken_away_comes_back_whatever_happens() -> None:
    iam: Any = _Iam()

    def fail() -> None:
        with denied(iam, "jobs", "s3:GetObject"):
            assert '"Action": "s3:GetObject"' in iam.policies["jobs"]
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert iam.policies == {}
