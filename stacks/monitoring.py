"""What is watched, and who is told."""

from collections.abc import Sequence
from typing import Final

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from config.names import LAKE, MONITORING, RAW, RELEASE, TRAINING
from config.settings import EnvironmentSettings
from ml.use_case import load_use_case
from stacks.base import PlatformStack
from stacks.constructs.alarms import Alarms
from stacks.constructs.failed_builds import FailedBuilds
from stacks.constructs.monthly_budget import MonthlyBudget
from stacks.constructs.naming import bucket_name, pin
from stacks.constructs.state_machine import machine_arn
from stacks.watch.alarms import alarms, composites
from stacks.watch.dashboard import Places, dashboard
from stacks.watch.metrics import Metrics

_USE_CASE: Final = "price_sensitivity"
# State machines whose failures are counted.
MACHINES: Final = (TRAINING, RELEASE, MONITORING)


class MonitoringStack(PlatformStack):
    """The alerts topic, the budget, image builds that failed, the alarms and the dashboard."""

    alerts: sns.Topic

    def __init__(
        self, scope: Construct, settings: EnvironmentSettings, *, key: kms.IKey, builds: Sequence[str]
    ) -> None:
        super().__init__(scope, "monitoring", settings=settings, description="Alerts, alarms, dashboard, budget")
        self.alerts = self._alerts(key)
        MonthlyBudget(
            self,
            "MonthlyBudget",
            name=settings.name("monthly"),
            environment=settings.environment,
            settings=settings.budget,
            topic=self.alerts,
        )
        if builds:
            FailedBuilds(self, projects=builds, topic=self.alerts, key=key)
        self._watch()

    def _watch(self) -> None:
        """Make the alarms and the dashboard."""
        settings, metrics = self.settings, Metrics(self.settings.environment)
        limits = load_use_case(_USE_CASE).monitoring
        machines = {name: machine_arn(self, name) for name in MACHINES}
        made = Alarms(
            self,
            alarms=alarms(metrics, settings.thresholds, limits, machines=machines),
            composites=composites(),
            topic=self.alerts,
        )
        alarm = f"arn:{self.partition}:cloudwatch:{self.region}:{self.account}:alarm"
        places = Places(
            region=self.region,
            alarm_arns=[f"{alarm}:{settings.name(name)}" for name in made.names],
            machines=machines,
            training=machines[TRAINING],
            lake=bucket_name(self, LAKE),
            metrics_filter=RAW,
        )
        cloudwatch.CfnDashboard(
            self,
            "Dashboard",
            dashboard_name=settings.name("overview"),
            dashboard_body=self.to_json_string(dashboard(metrics, settings.thresholds, limits, places)),
        )

    def _alerts(self, key: kms.IKey) -> sns.Topic:
        """Return the one topic that all alerts go to: encrypted, over TLS only."""
        topic = sns.Topic(
            self,
            "Alerts",
            topic_name=self.settings.name("alerts"),
            display_name=self.settings.name("alerts"),
            master_key=key,
            enforce_ssl=True,
        )
        pin(topic, "Alerts")
        topic.add_to_resource_policy(
            iam.PolicyStatement(
                sid="Alarms",
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                actions=["sns:Publish"],
                resources=[topic.topic_arn],
                conditions={
                    "StringEquals": {"aws:SourceAccount": self.account},
                    "ArnLike": {
                        "aws:SourceArn": f"arn:{self.partition}:cloudwatch:{self.region}:{self.account}:alarm:"
                        f"{self.settings.name('*')}"
                    },
                },
            )
        )
        for address in self.settings.alert_emails:
            topic.add_subscription(subscriptions.EmailSubscription(address))
        return topic
