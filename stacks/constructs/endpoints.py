"""Doors from the VPC to AWS services that do not pass through its egress."""

from aws_cdk import Aws
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from constructs import Construct

from config.settings import NetworkSettings
from stacks.constructs.services_called import SERVICES_CALLED

_OURS = {"StringEquals": {"aws:PrincipalAccount": Aws.ACCOUNT_ID}}
_OURS_IN_OURS = {"StringEquals": {"aws:PrincipalAccount": Aws.ACCOUNT_ID, "aws:ResourceAccount": Aws.ACCOUNT_ID}}
_OBJECTS = (
    "s3:AbortMultipartUpload",
    "s3:DeleteObject",
    "s3:GetBucketLocation",
    "s3:GetObject",
    "s3:GetObjectTagging",
    "s3:GetObjectVersion",
    "s3:ListBucket",
    "s3:ListBucketMultipartUploads",
    "s3:ListMultipartUploadParts",
    "s3:PutObject",
    "s3:PutObjectTagging",
)


class Endpoints(Construct):
    """The gateway to S3, free and always there, and the interface endpoints that the settings ask for."""

    def __init__(self, scope: Construct, id_: str, *, vpc: ec2.Vpc, settings: NetworkSettings) -> None:
        super().__init__(scope, id_)
        self._add_s3(vpc)
        if settings.interface_endpoints:
            self._add_interfaces(vpc, settings)

    def _add_s3(self, vpc: ec2.Vpc) -> None:
        """Data goes to and from this account's buckets only: credentials of another account do not work here."""
        endpoint = ec2.GatewayVpcEndpoint(self, "S3", vpc=vpc, service=ec2.GatewayVpcEndpointAwsService.S3)
        endpoint.add_to_policy(_allow("OwnBuckets", _OBJECTS, ["*"], _OURS_IN_OURS))
        layers_and_packages = [
            # Image layers of every ECR registry; those of registry.k8s.io, which it keeps in S3 for callers inside
            # AWS; and Amazon Linux's packages, which the NAT instance installs.
            f"arn:{Aws.PARTITION}:s3:::prod-{Aws.REGION}-starport-layer-bucket/*",
            f"arn:{Aws.PARTITION}:s3:::prod-registry-k8s-io-*/*",
            f"arn:{Aws.PARTITION}:s3:::al2023-repos-{Aws.REGION}-de612dc2/*",
        ]
        endpoint.add_to_policy(_allow("ImageLayersAndPackages", ("s3:GetObject",), layers_and_packages))
        # CloudFormation signs the address that a custom resource inside the VPC answers to.
        answers = [f"arn:{Aws.PARTITION}:s3:::cloudformation-custom-resource-response-*/*"]
        endpoint.add_to_policy(_allow("CustomResourceAnswers", ("s3:PutObject",), answers))

    def _add_interfaces(self, vpc: ec2.Vpc, settings: NetworkSettings) -> None:
        group = ec2.SecurityGroup(
            self, "Group", vpc=vpc, description="Interface endpoints: HTTPS from the VPC", allow_all_outbound=False
        )
        group.add_ingress_rule(ec2.Peer.ipv4(settings.cidr), ec2.Port.tcp(443), "HTTPS from the VPC")
        actions = {service.name: service.actions for service in SERVICES_CALLED}
        for name in settings.interface_endpoints:
            endpoint = ec2.InterfaceVpcEndpoint(
                self,
                "".join(part.capitalize() for part in name.replace(".", "-").split("-")),
                vpc=vpc,
                service=ec2.InterfaceVpcEndpointAwsService(name),
                subnets=ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_WITH_EGRESS),
                security_groups=[group],
                open=False,
                private_dns_enabled=True,
            )
            if actions.get(name):
                endpoint.add_to_policy(_allow("OwnPrincipals", actions[name], ["*"], _OURS))


def _allow(
    sid: str, actions: tuple[str, ...], resources: list[str], conditions: dict[str, dict[str, str]] | None = None
) -> iam.PolicyStatement:
    return iam.PolicyStatement(
        sid=sid,
        principals=[iam.AnyPrincipal()],
        actions=list(actions),
        resources=resources,
        conditions=conditions,
    )
