"""Keys, the audit trail, access logs and secrets: what every other stack relies on."""

from aws_cdk import aws_iam as iam
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from config.settings import EnvironmentSettings
from stacks.acknowledge import acknowledge
from stacks.base import PlatformStack
from stacks.constructs.bucket import AccessLogsBucket
from stacks.constructs.keys import CustomerKey
from stacks.constructs.naming import pin
from stacks.constructs.trail import AuditTrail

_API_KEY_LENGTH = 48


class SecurityStack(PlatformStack):
    """Customer keys with rotation, CloudTrail with the lake's data events, access logs, the API's key."""

    def __init__(self, scope: Construct, settings: EnvironmentSettings) -> None:
        super().__init__(scope, "security", settings=settings, description="Keys, audit trail, access logs and secrets")
        self.data_key = CustomerKey(self, "data", description="Lake, images, features and secrets")
        self.operations_key = CustomerKey(self, "operations", description="Logs, audit trail and alerts")
        self.cluster_key = CustomerKey(self, "cluster", description="Kubernetes secrets")
        self.operations_key.allow_logs()
        self.operations_key.allow_alerts()
        self.access_logs = AccessLogsBucket(self, "AccessLogs")
        self.trail = AuditTrail(self, key=self.operations_key, access_logs=self.access_logs)
        self.api_key = secretsmanager.Secret(
            self,
            "ApiKey",
            secret_name=settings.name("api-key"),
            description="What a caller of the prediction API sends",
            encryption_key=self.data_key,
            generate_secret_string=secretsmanager.SecretStringGenerator(
                exclude_punctuation=True, password_length=_API_KEY_LENGTH
            ),
            removal_policy=self.removal_policy,
        )
        pin(self.api_key, "ApiKey")
        acknowledge(
            self.api_key,
            "AwsSolutions-SMG4",
            "Its clients hold a copy: a rotation that does not tell them would lock them out. It is rotated by hand.",
        )

    def grant_api_key(self, role: iam.IRole) -> None:
        """Let ``role`` read the API's key. Its policy says so, not the key's: the role's stack comes later."""
        role.add_to_principal_policy(
            iam.PolicyStatement(actions=["secretsmanager:GetSecretValue"], resources=[self.api_key.secret_arn])
        )
        role.add_to_principal_policy(
            iam.PolicyStatement(
                actions=["kms:Decrypt"],
                resources=[self.data_key.key_arn],
                conditions={"StringEquals": {"kms:ViaService": f"secretsmanager.{self.region}.amazonaws.com"}},
            )
        )
