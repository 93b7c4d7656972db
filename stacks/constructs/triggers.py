"""What starts state machines: rules on events, and the roles by which they do."""

from collections.abc import Mapping
from typing import Any

from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from constructs import Construct

from stacks.base import PlatformStack
from stacks.constructs.state_machine import StateMachine


class StartOnEvent(Construct):
    """Starts ``machine`` for every event that matches ``pattern``, with ``template`` as input.

    ``paths`` name the parts of the event that the template takes between angle brackets.
    """

    def __init__(
        self,
        stack: PlatformStack,
        id_: str,
        *,
        name: str,
        description: str,
        machine: StateMachine,
        pattern: Mapping[str, Any],
        paths: Mapping[str, str],
        template: str,
    ) -> None:
        super().__init__(stack, id_)
        rule = stack.settings.name(name)
        source = f"arn:{stack.partition}:events:{stack.region}:{stack.account}:rule/{rule}"
        role = StarterRole(self, "Role", stack=stack, service="events", machine=machine, source=source)
        events.CfnRule(
            self,
            "Rule",
            name=rule,
            description=description,
            event_pattern=dict(pattern),
            targets=[
                events.CfnRule.TargetProperty(
                    id=name,
                    arn=machine.arn,
                    role_arn=role.role_arn,
                    input_transformer=events.CfnRule.InputTransformerProperty(
                        input_paths_map=dict(paths), input_template=template
                    ),
                    retry_policy=events.CfnRule.RetryPolicyProperty(
                        maximum_event_age_in_seconds=3600, maximum_retry_attempts=20
                    ),
                )
            ],
        )


class StarterRole(iam.Role):
    """The role by which ``source``, a rule or a group of schedules, starts ``machine``."""

    def __init__(
        self, scope: Construct, id_: str, *, stack: PlatformStack, service: str, machine: StateMachine, source: str
    ) -> None:
        super().__init__(
            scope,
            id_,
            assumed_by=iam.ServicePrincipal(
                f"{service}.amazonaws.com",
                conditions={"StringEquals": {"aws:SourceAccount": stack.account, "aws:SourceArn": source}},
            ),
            description=f"Starts {machine.name}",
        )
        self.add_to_policy(iam.PolicyStatement(actions=["states:StartExecution"], resources=[machine.arn]))
