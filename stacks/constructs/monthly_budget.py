"""The monthly budget of one environment."""

from aws_cdk import Aws
from aws_cdk import aws_budgets as budgets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from constructs import Construct

from config.names import PROJECT, Tag
from config.settings import BudgetSettings


class MonthlyBudget(Construct):
    """What this project's environment costs in a month, against its limit; ``topic`` is told of each share passed.

    Costs are told apart by the tags Project and Environment, once these are activated as cost allocation tags in
    the account's billing settings.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        name: str,
        environment: str,
        settings: BudgetSettings,
        topic: sns.Topic,
    ) -> None:
        super().__init__(scope, id_)
        permission = _let_budgets_publish(topic)
        budget = budgets.CfnBudget
        tags = {Tag.PROJECT: PROJECT, Tag.ENVIRONMENT: environment}
        resource = budget(
            self,
            "Budget",
            budget=budget.BudgetDataProperty(
                budget_name=name,
                budget_type="COST",
                time_unit="MONTHLY",
                budget_limit=budget.SpendProperty(amount=settings.monthly_usd, unit="USD"),
                metrics=["UnblendedCost"],
                # Both tags at once; the older cost filters would take either.
                filter_expression=budget.ExpressionProperty(
                    and_=[
                        budget.ExpressionProperty(
                            tags=budget.TagValuesProperty(key=key, values=[value], match_options=["EQUALS"])
                        )
                        for key, value in tags.items()
                    ]
                ),
            ),
            notifications_with_subscribers=[
                budget.NotificationWithSubscribersProperty(
                    notification=budget.NotificationProperty(
                        notification_type=kind,
                        comparison_operator="GREATER_THAN",
                        threshold=percent,
                        threshold_type="PERCENTAGE",
                    ),
                    subscribers=[budget.SubscriberProperty(subscription_type="SNS", address=topic.topic_arn)],
                )
                for kind, percents in (("ACTUAL", settings.actual_percent), ("FORECASTED", settings.forecast_percent))
                for percent in percents
            ],
        )
        if permission is not None:
            resource.node.add_dependency(permission)


def _let_budgets_publish(topic: sns.Topic) -> object:
    return topic.add_to_resource_policy(
        iam.PolicyStatement(
            sid="Budgets",
            principals=[iam.ServicePrincipal("budgets.amazonaws.com")],
            actions=["sns:Publish"],
            resources=[topic.topic_arn],
            conditions={
                "StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID},
                "ArnLike": {"aws:SourceArn": f"arn:{Aws.PARTITION}:budgets::{Aws.ACCOUNT_ID}:*"},
            },
        )
    ).policy_dependable
