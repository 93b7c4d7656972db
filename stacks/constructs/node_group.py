"""Managed node groups: Amazon Linux 2023 in private subnets, with encrypted disks and guarded metadata."""

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_eks_v2 as eks
from aws_cdk import aws_iam as iam
from constructs import Construct

from config.names import WORKLOAD_LABEL
from config.settings import NodeGroupSettings
from stacks.acknowledge import acknowledge

# CDK names things by their path, which differs between an app and a pipeline.
_ABOVE_CDKS_OWN = 200


class NodeGroup(Construct):
    """Nodes labelled ``workload=<workload>``; on spot capacity they are also tainted with it.

    The group has no fixed name: another instance type makes a new group before the old one goes, and both exist
    for a while.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        cluster: eks.ICluster,
        role: iam.IRole,
        settings: NodeGroupSettings,
        name: str,
        workload: str,
        spot: bool,
    ) -> None:
        super().__init__(scope, id_)
        self.settings = settings
        self.workload = workload
        template = self._launch_template(name, settings.disk_gb)
        taint = eks.TaintSpec(effect=eks.TaintEffect.NO_SCHEDULE, key=WORKLOAD_LABEL, value=workload)
        self.group = eks.Nodegroup(
            self,
            "Group",
            cluster=cluster,
            node_role=role,
            subnets=ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_WITH_EGRESS),
            ami_type=eks.NodegroupAmiType.AL2023_X86_64_STANDARD,
            capacity_type=eks.CapacityType.SPOT if spot else eks.CapacityType.ON_DEMAND,
            instance_types=[ec2.InstanceType(name) for name in settings.instance_types],
            min_size=settings.minimum,
            desired_size=settings.desired,
            max_size=settings.maximum,
            labels={WORKLOAD_LABEL: workload},
            taints=[taint] if spot else None,
            launch_template_spec=eks.LaunchTemplateSpec(
                id=str(template.launch_template_id), version=template.latest_version_number
            ),
            enable_node_auto_repair=True,
            # Pod disruption budgets hold during updates, too.
            force_update=False,
        )

    def _launch_template(self, name: str, disk_gb: int) -> ec2.LaunchTemplate:
        template = ec2.LaunchTemplate(
            self,
            "Template",
            launch_template_name=name,
            require_imdsv2=True,
            # One hop: pods without the host's network do not reach the node's credentials; they have pod identity.
            http_put_response_hop_limit=1,
            block_devices=[
                ec2.BlockDevice(
                    device_name="/dev/xvda",
                    volume=ec2.BlockDeviceVolume.ebs(
                        disk_gb, encrypted=True, volume_type=ec2.EbsDeviceVolumeType.GP3, delete_on_termination=True
                    ),
                )
            ],
        )
        # The name that nodes and their disks carry.
        cdk.Tags.of(template).add("Name", name, priority=_ABOVE_CDKS_OWN)
        return template


class NodeRole(iam.Role):
    """What a node may do: join its cluster and pull images. The rest is up to the pods' own roles."""

    def __init__(self, scope: Construct, id_: str) -> None:
        super().__init__(scope, id_, assumed_by=iam.ServicePrincipal("ec2.amazonaws.com"), description="EKS nodes")
        for policy in ("AmazonEKSWorkerNodePolicy", "AmazonEC2ContainerRegistryPullOnly"):
            self.add_managed_policy(iam.ManagedPolicy.from_aws_managed_policy_name(policy))
            acknowledge(
                self,
                f"AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/{policy}]",
                "EKS requires this policy of nodes, and changes it as its nodes change.",
            )
