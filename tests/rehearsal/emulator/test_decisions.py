"""What IAM decided about a role can be asked for."""

import time

import pytest
from botocore.exceptions import ClientError

from rehearsal.control import ask
from rehearsal.world import World
from tests.rehearsal.jobs_world import DATA, Roles


def test_what_a_role_was_allowed_and_refused_is_told_since_a_time(world: World) -> None:
    s3 = Roles(world).client("s3", "reader", {**DATA, "Action": ["s3:PutObject", "s3:ListBucket"]})
    place = {"LocationConstraint": world.region}
    world.client("s3").create_bucket(Bucket="decisions", CreateBucketConfiguration=place)
    s3.put_object(Bucket="decisions", Key="a", Body=b"a")
    since = time.time()

    s3.list_objects_v2(Bucket="decisions")
    with pytest.raises(ClientError, match="s3:GetObject"):
        s3.get_object(Bucket="decisions", Key="a")

    assert ask(world, "decisions", role="reader", since=since) == {
        "allowed": ["s3:ListBucket"],
        "refused": [{"action": "s3:GetObject", "resource": "arn:aws:s3:::decisions/a"}],
    }
    assert ask(world, "decisions", role="reader")["allowed"] == ["s3:PutObject", "s3:ListBucket"]
    assert ask(world, "decisions", role="nobody") == {"allowed": [], "refused": []}
