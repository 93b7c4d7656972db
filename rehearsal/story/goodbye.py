"""The last act: everything goes, and nothing is left."""

from functools import partial
from typing import Final

from config.names import MONITORING, RELEASE, TRAINING
from rehearsal.story.act import Act
from rehearsal.story.stage import Stage

# What preparing an account for CDK has made stays, as it does in AWS.
_TOOLKIT: Final = "CDKToolkit"


def _goodbye(stage: Stage) -> None:
    # One that waits for a person's approval may go on for ever.
    for machine in (TRAINING, MONITORING, RELEASE):
        stage.until(f"{machine} rests", partial(stage.rests, machine), seconds=180)
    stage.destroy()
    pages = stage.client("cloudformation").get_paginator("list_stacks").paginate()
    summaries = (each for page in pages for each in page["StackSummaries"])
    stacks = {each["StackName"] for each in summaries if each["StackStatus"] != "DELETE_COMPLETE"}
    stage.expect(stacks <= {_TOOLKIT}, f"no stack is left but CDK's own: {', '.join(sorted(stacks)) or 'none'}")
    prefix = f"{stage.settings.prefix}-{stage.settings.environment}-"
    left = [name for name in _names(stage) if prefix in name]
    stage.expect(not left, f"nothing is left that is called {prefix}…: {', '.join(left) or 'nothing'}")


def _names(stage: Stage) -> list[str]:
    """Return the names of what would cost or keep something."""
    listed = (
        ("s3", "list_buckets", "Buckets", "Name"),
        ("lambda", "list_functions", "Functions", "FunctionName"),
        ("stepfunctions", "list_state_machines", "stateMachines", "name"),
        ("sns", "list_topics", "Topics", "TopicArn"),
        ("logs", "describe_log_groups", "logGroups", "logGroupName"),
        ("iam", "list_roles", "Roles", "RoleName"),
        ("cloudwatch", "describe_alarms", "MetricAlarms", "AlarmName"),
        ("cloudwatch", "describe_alarms", "CompositeAlarms", "AlarmName"),
        ("ecr", "describe_repositories", "repositories", "repositoryName"),
        ("sagemaker", "list_model_package_groups", "ModelPackageGroupSummaryList", "ModelPackageGroupName"),
    )
    found = [
        str(each[name])
        for service, operation, key, name in listed
        for page in stage.pages(service, operation)
        for each in page.get(key, [])
    ]
    return [*found, *(str(name) for page in stage.pages("eks", "list_clusters") for name in page["clusters"])]


GOODBYE = Act(
    name="goodbye",
    title="Everything goes",
    does="Runs cdk destroy.",
    expects="Every stack is deleted, and nothing with the environment's name is left.",
    play=_goodbye,
)
