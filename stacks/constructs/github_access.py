"""What GitHub Actions may do: one role per environment, for named jobs of one repository, without keys."""

from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from constructs import Construct

from config.delivery import DeliverySettings
from config.names import TRAINING
from config.settings import Environment, EnvironmentSettings
from stacks.constructs.bootstrap_roles import bootstrap_role
from stacks.constructs.smoke_access import grant_smoke_test

HOST = "token.actions.githubusercontent.com"
AUDIENCE = "sts.amazonaws.com"
# The roles of CDK's bootstrap that deploy; images are built in CodeBuild, so nobody publishes one from here.
BOOTSTRAP_ROLES = ("deploy", "file-publishing", "lookup")


class GitHubAccess(Construct):
    """The identity provider of GitHub Actions and a role for each environment."""

    roles: dict[Environment, iam.Role]

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: DeliverySettings,
        environments: Sequence[EnvironmentSettings],
    ) -> None:
        super().__init__(scope, construct_id)
        self._stack = cdk.Stack.of(self)
        self._settings = settings
        if settings.github.create_provider:
            # The plain type: the construct of the same name brings a Lambda for nothing.
            iam.CfnOIDCProvider(self, "Provider", url=f"https://{HOST}", client_id_list=[AUDIENCE])
        self.roles = {environment.environment: self._role(environment) for environment in environments}

    def _role(self, environment: EnvironmentSettings) -> iam.Role:
        role = iam.Role(
            self,
            environment.environment.capitalize(),
            role_name=environment.name("github"),
            description=f"GitHub Actions of {self._settings.repository}: deploys {environment.environment}",
            assumed_by=self._principal(environment.environment),
        )
        role.add_to_policy(
            iam.PolicyStatement(
                sid="DeployThroughCdk",
                actions=["sts:AssumeRole"],
                resources=[bootstrap_role(self._stack, kind, environment) for kind in BOOTSTRAP_ROLES],
            )
        )
        role.add_to_policy(
            iam.PolicyStatement(
                sid="StartTraining",
                actions=["states:StartExecution"],
                resources=[
                    self._stack.format_arn(
                        service="states",
                        account=environment.account,
                        region=environment.region,
                        resource="stateMachine",
                        resource_name=environment.name(TRAINING),
                        arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME,
                    )
                ],
            )
        )
        grant_smoke_test(role, environment)
        cdk.CfnOutput(
            self,
            f"{environment.environment.capitalize()}RoleArn",
            value=role.role_arn,
            description=f"AWS_ROLE_ARN of GitHub's deployment environment {environment.environment}",
        )
        return role

    def _principal(self, environment: Environment) -> iam.IPrincipal:
        provider = self._stack.format_arn(service="iam", region="", resource="oidc-provider", resource_name=HOST)
        repository = self._settings.repository
        subjects = [f"repo:{repository}:{subject}" for subject in self._settings.github.subjects[environment]]
        return iam.FederatedPrincipal(
            provider,
            {"StringEquals": {f"{HOST}:aud": AUDIENCE, f"{HOST}:sub": subjects}},
            "sts:AssumeRoleWithWebIdentity",
        )
