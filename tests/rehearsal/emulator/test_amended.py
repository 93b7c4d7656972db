"""What ministack's own types leave out of a template is there, too."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from rehearsal.world import World

_BUCKET = {
    "Type": "AWS::S3::Bucket",
    "Properties": {
        "BucketName": "amended",
        "BucketEncryption": {
            "ServerSideEncryptionConfiguration": [
                {
                    "BucketKeyEnabled": True,
                    "ServerSideEncryptionByDefault": {
                        "SSEAlgorithm": "aws:kms",
                        "KMSMasterKeyID": {"Fn::GetAtt": ["Key", "Arn"]},
                    },
                }
            ]
        },
        "LifecycleConfiguration": {
            "Rules": [
                {"Id": "old", "Prefix": "runs/", "Status": "Enabled", "ExpirationInDays": 30},
                {"Status": "Enabled", "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 3}},
            ]
        },
        "LoggingConfiguration": {"DestinationBucketName": {"Ref": "Logs"}, "LogFilePrefix": "amended/"},
        "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
        "Tags": [{"Key": "Environment", "Value": "dev"}],
    },
}


@pytest.fixture(scope="module")
def bucket(world: World) -> World:
    key = {"Type": "AWS::KMS::Key", "Properties": {"KeyPolicy": {"Version": "2012-10-17", "Statement": []}}}
    logs = {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "logs"}}
    _deploy(world, "buckets", {"Key": key, "Logs": logs, "Bucket": _BUCKET})
    return world


def test_a_bucket_encrypts_as_its_template_says(bucket: World) -> None:
    found = bucket.client("s3").get_bucket_encryption(Bucket="amended")["ServerSideEncryptionConfiguration"]["Rules"]

    assert found[0]["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
    assert found[0]["ApplyServerSideEncryptionByDefault"]["KMSMasterKeyID"].startswith("arn:aws:kms:")
    assert found[0]["BucketKeyEnabled"] is True


def test_a_bucket_forgets_as_its_template_says(bucket: World) -> None:
    old, abandoned = bucket.client("s3").get_bucket_lifecycle_configuration(Bucket="amended")["Rules"]

    assert (old["Filter"]["Prefix"], old["Expiration"]["Days"]) == ("runs/", 30)
    assert abandoned["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"] == 3


def test_a_bucket_has_its_log_owner_and_tags(bucket: World) -> None:
    s3 = bucket.client("s3")

    assert s3.get_bucket_logging(Bucket="amended")["LoggingEnabled"]["TargetBucket"] == "logs"
    owner = s3.get_bucket_ownership_controls(Bucket="amended")["OwnershipControls"]["Rules"]
    assert owner == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    assert s3.get_bucket_tagging(Bucket="amended")["TagSet"] == [{"Key": "Environment", "Value": "dev"}]


def test_a_cluster_has_a_security_group_in_its_network_and_takes_it_away(world: World) -> None:
    ec2, eks = world.client("ec2"), world.client("eks")
    network = {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.9.0.0/16"}}
    subnet = {"Type": "AWS::EC2::Subnet", "Properties": {"CidrBlock": "10.9.0.0/24", "VpcId": {"Ref": "Network"}}}
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "eks.amazonaws.com"}}
    role = {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": {"Statement": [trust]}}}
    cluster = {
        "Type": "AWS::EKS::Cluster",
        "Properties": {
            "Name": "amended",
            "RoleArn": {"Fn::GetAtt": ["Role", "Arn"]},
            "ResourcesVpcConfig": {"SubnetIds": [{"Ref": "Subnet"}]},
            "EncryptionConfig": [{"Resources": ["secrets"], "Provider": {"KeyArn": "arn:of:a:key"}}],
        },
    }
    _deploy(world, "clusters", {"Network": network, "Subnet": subnet, "Role": role, "Cluster": cluster})

    described = eks.describe_cluster(name="amended")["cluster"]
    group = described["resourcesVpcConfig"]["clusterSecurityGroupId"]
    assert described["encryptionConfig"] == [{"resources": ["secrets"], "provider": {"keyArn": "arn:of:a:key"}}]
    found = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]
    assert found["VpcId"] == described["resourcesVpcConfig"]["vpcId"]

    world.client("cloudformation").delete_stack(StackName="clusters")
    with pytest.raises(ClientError, match="InvalidGroup"):
        ec2.describe_security_groups(GroupIds=[group])


def test_a_machine_takes_its_disk_with_it(world: World) -> None:
    ec2 = world.client("ec2")
    machine = {"Type": "AWS::EC2::Instance", "Properties": {"ImageId": "ami-1", "InstanceType": "t4g.nano"}}
    _deploy(world, "machines", {"Machine": machine})
    assert ec2.describe_volumes()["Volumes"] != []

    world.client("cloudformation").delete_stack(StackName="machines")

    assert ec2.describe_volumes()["Volumes"] == []


def test_a_call_that_changes_a_stack_is_answered_when_it_is_changed(world: World) -> None:
    cloudformation = world.client("cloudformation")
    topic = {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": "prompt", "KmsMasterKeyId": "alias/aws/sns"}}

    made = cloudformation.create_stack(StackName="prompt", TemplateBody=json.dumps({"Resources": {"Topic": topic}}))
    status = _status(world, made["StackId"])
    attributes = world.client("sns").get_topic_attributes(
        TopicArn=f"arn:aws:sns:{world.region}:{world.account}:prompt"
    )["Attributes"]
    cloudformation.delete_stack(StackName="prompt")

    assert (status, _status(world, made["StackId"])) == ("CREATE_COMPLETE", "DELETE_COMPLETE")
    assert attributes["KmsMasterKeyId"] == "alias/aws/sns"


def _status(world: World, stack: str) -> str:
    return str(world.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"])


def _deploy(world: World, name: str, resources: dict[str, Any]) -> None:
    made = world.client("cloudformation").create_stack(
        StackName=name, TemplateBody=json.dumps({"Resources": resources}), Capabilities=["CAPABILITY_IAM"]
    )
    described = world.client("cloudformation").describe_stacks(StackName=made["StackId"])["Stacks"][0]
    events = world.client("cloudformation").describe_stack_events(StackName=made["StackId"])["StackEvents"]
    reasons = [event["ResourceStatusReason"] for event in events if event["ResourceStatus"] == "CREATE_FAILED"]
    assert described["StackStatus"] == "CREATE_COMPLETE", reasons
