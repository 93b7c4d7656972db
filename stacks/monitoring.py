"""What is watched, and who is told."""

from collections.abc import Sequence

from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from config.settings import EnvironmentSettings
from stacks.base import PlatformStack
from stacks.constructs.failed_builds import FailedBuilds
from stacks.constructs.monthly_budget import MonthlyBudget
from stacks.constructs.naming import pin


class MonitoringStack(PlatformStack):
    """The alerts topic, the budget and image builds that failed; dashboards and alarms join them."""

    alerts: sns.Topic

    def __init__(
        self, scope: Construct, settings: EnvironmentSettings, *, key: kms.IKey, builds: Sequence[str]
    ) -> None:
        super().__init__(scope, "monitoring", settings=settings, description="Alerts and the monthly budget")
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
        for address in self.settings.alert_emails:
            topic.add_subscription(subscriptions.EmailSubscription(address))
        return topic
