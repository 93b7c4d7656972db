"""How code reaches the environments: a pipeline that updates itself, and what GitHub Actions may do instead."""

from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_codepipeline as codepipeline
from aws_cdk import aws_codestarconnections as connections
from aws_cdk import aws_iam as iam
from aws_cdk import pipelines
from constructs import Construct

from config.delivery import DELIVERY, DeliverySettings
from config.names import tags_of
from config.settings import EnvironmentSettings
from stacks.constructs.artifact_store import ArtifactStore
from stacks.constructs.bootstrap_roles import bootstrap_role
from stacks.constructs.github_access import GitHubAccess
from stacks.constructs.pipeline_exceptions import acknowledge_pipeline
from stacks.constructs.smoke_access import grant_smoke_test
from stacks.platform import PlatformStage

# The one of package.json; self-update and people run the same.
CDK_CLI = "2.1148.1"


class DeliveryStack(cdk.Stack):
    """Source → synth and tests → self-update → assets → dev → stg → approval → prod, each checked once it stands."""

    pipeline: pipelines.CodePipeline
    github: GitHubAccess

    def __init__(self, scope: Construct, settings: DeliverySettings, *, stages: Sequence[PlatformStage]) -> None:
        super().__init__(
            scope,
            settings.name(),
            stack_name=settings.name(),
            description="Pipeline from the repository to every environment, and the roles of GitHub Actions",
            env=cdk.Environment(account=settings.account, region=settings.region),
        )
        self.settings = settings
        self._tag()
        self._store = ArtifactStore(self, "Store", settings=settings)
        source = self._source()
        self.pipeline = self._pipeline(source)
        for stage in stages:
            self._add(stage, source)
        self.pipeline.build_pipeline()
        acknowledge_pipeline(self)
        environments = [stage.settings for stage in stages]
        self.github = GitHubAccess(self, "GitHub", settings=settings, environments=environments)

    def _tag(self) -> None:
        for tag, value in tags_of(DELIVERY, DELIVERY).items():
            cdk.Tags.of(self).add(tag, value)

    def _source(self) -> pipelines.CodePipelineSource:
        # A person confirms it once in the console (Developer Tools, Connections); until then it is pending. The
        # newer type CodeConnections makes ARNs that the permission CDK gives to the source action does not cover.
        connection = connections.CfnConnection(
            self, "Connection", connection_name=self.settings.name(), provider_type="GitHub"
        )
        cdk.CfnOutput(self, "ConnectionArn", value=connection.attr_connection_arn)
        return pipelines.CodePipelineSource.connection(
            self.settings.repository,
            self.settings.branch,
            # Not the repository's name: ids, and the list of exceptions, are the same for everybody.
            action_name="Repository",
            connection_arn=connection.attr_connection_arn,
        )

    def _pipeline(self, source: pipelines.CodePipelineSource) -> pipelines.CodePipeline:
        return pipelines.CodePipeline(
            self,
            "Pipeline",
            pipeline_name=self.settings.name(),
            pipeline_type=codepipeline.PipelineType.V2,
            # A commit that comes while another is deployed waits for its turn.
            execution_mode=codepipeline.ExecutionMode.QUEUED,
            synth=pipelines.CodeBuildStep(
                "Synth",
                input=source,
                commands=["make uv", "make pr", "make synth"],
                primary_output_directory="cdk.out",
                build_environment=codebuild.BuildEnvironment(compute_type=codebuild.ComputeType.MEDIUM),
            ),
            cli_version=CDK_CLI,
            cross_account_keys=True,
            artifact_bucket=self._store.bucket,
            publish_assets_in_parallel=False,
            code_build_defaults=pipelines.CodeBuildOptions(
                build_environment=codebuild.BuildEnvironment(build_image=codebuild.LinuxBuildImage.STANDARD_7_0),
                logging=codebuild.LoggingOptions(
                    cloud_watch=codebuild.CloudWatchLoggingOptions(log_group=self._store.log_group)
                ),
                timeout=cdk.Duration.hours(1),
            ),
        )

    def _add(self, stage: PlatformStage, source: pipelines.CodePipelineSource) -> None:
        environment = stage.settings
        opened = environment.environment in self.settings.approval
        before = [pipelines.ManualApprovalStep(f"Open-{environment.environment}")] if opened else []
        self.pipeline.add_stage(stage, pre=before, post=[self._smoke(environment, source)])

    def _smoke(self, environment: EnvironmentSettings, source: pipelines.CodePipelineSource) -> pipelines.CodeBuildStep:
        role = iam.Role(
            self,
            f"{environment.environment.capitalize()}SmokeRole",
            role_name=environment.name("smoke"),
            description=f"Reads whether {environment.environment} stands after a deployment",
            assumed_by=iam.ServicePrincipal("codebuild.amazonaws.com"),
        )
        grant_smoke_test(role, environment)
        if environment.account not in (None, self.account):
            role.add_to_policy(
                iam.PolicyStatement(
                    sid="LookFromAnotherAccount",
                    actions=["sts:AssumeRole"],
                    resources=[bootstrap_role(self, "lookup", environment)],
                )
            )
        return pipelines.CodeBuildStep(
            f"Smoke-{environment.environment}",
            input=source,
            commands=["make uv", f"make smoke ENV={environment.environment}"],
            role=role,
        )
