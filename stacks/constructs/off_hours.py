"""Nodes that sleep outside working hours: EventBridge Scheduler calls EKS by itself, no code runs."""

from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import Aws
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_scheduler as scheduler
from constructs import Construct

from config.settings import EnvironmentSettings, OffHoursSettings
from stacks.constructs.node_group import NodeGroup

_UPDATE = "arn:{partition}:scheduler:::aws-sdk:eks:updateNodegroupConfig"


class OffHours(Construct):
    """A stop and a start schedule for each node group.

    At the stop all nodes of a group go at once, the cluster autoscaler's among them, so that nothing is left to
    bring one back; EKS wants room for at least one node even then. At the start the settings' sizes return.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        settings: EnvironmentSettings,
        hours: OffHoursSettings,
        cluster_name: str,
        groups: Sequence[NodeGroup],
        key: kms.IKey,
    ) -> None:
        super().__init__(scope, id_)
        self._hours = hours
        self._cluster_name = cluster_name
        self._key = key
        name = settings.name("off-hours")
        self._group = scheduler.CfnScheduleGroup(self, "Group", name=name)
        self._role = self._may_resize(groups, schedules=name)
        for nodes in groups:
            sizes = nodes.settings
            self._schedule("stop", hours.stop, nodes, name=settings.name(f"stop-{nodes.workload}"), sizes=(0, 0, 1))
            self._schedule(
                "start",
                hours.start,
                nodes,
                name=settings.name(f"start-{nodes.workload}"),
                sizes=(sizes.minimum, sizes.desired, sizes.maximum),
            )

    def _may_resize(self, groups: Sequence[NodeGroup], *, schedules: str) -> iam.Role:
        these = f"arn:{Aws.PARTITION}:scheduler:{Aws.REGION}:{Aws.ACCOUNT_ID}:schedule-group/{schedules}"
        role = iam.Role(
            self,
            "Role",
            description="Off-hours schedules resize the node groups",
            assumed_by=iam.ServicePrincipal(
                "scheduler.amazonaws.com",
                conditions={"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID, "aws:SourceArn": these}},
            ),
        )
        role.add_to_policy(
            iam.PolicyStatement(
                actions=["eks:UpdateNodegroupConfig"], resources=[nodes.group.nodegroup_arn for nodes in groups]
            )
        )
        role.add_to_policy(iam.PolicyStatement(actions=["kms:Decrypt"], resources=[self._key.key_arn]))
        return role

    def _schedule(self, verb: str, when: str, nodes: NodeGroup, *, name: str, sizes: tuple[int, int, int]) -> None:
        minimum, desired, maximum = sizes
        # Scheduler spells members as AWS's Java SDK does, unlike EKS's own API.
        call = {
            "ClusterName": self._cluster_name,
            "NodegroupName": nodes.group.nodegroup_name,
            "ScalingConfig": {"MinSize": minimum, "DesiredSize": desired, "MaxSize": maximum},
        }
        schedule = scheduler.CfnSchedule(
            self,
            f"{verb}-{nodes.workload}".title().replace("-", ""),
            name=name,
            group_name=self._group.ref,
            schedule_expression=when,
            schedule_expression_timezone=self._hours.timezone,
            flexible_time_window=scheduler.CfnSchedule.FlexibleTimeWindowProperty(mode="OFF"),
            kms_key_arn=self._key.key_arn,
            target=scheduler.CfnSchedule.TargetProperty(
                arn=_UPDATE.format(partition=Aws.PARTITION),
                role_arn=self._role.role_arn,
                input=cdk.Stack.of(self).to_json_string(call),
                retry_policy=scheduler.CfnSchedule.RetryPolicyProperty(
                    maximum_event_age_in_seconds=3600, maximum_retry_attempts=10
                ),
            ),
        )
        schedule.node.add_dependency(self._role)
