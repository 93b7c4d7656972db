"""Where images and model versions are registered."""

from collections.abc import Mapping

import aws_cdk as cdk
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sagemaker as sagemaker
from constructs import Construct

from config.names import MODEL_GROUP, TRAINING
from config.settings import EnvironmentSettings
from stacks.base import PlatformStack
from stacks.constructs.image_build import ImageBuild
from stacks.constructs.naming import pin


class RegistryStack(PlatformStack):
    """Image repositories for jobs and API, images built in CodeBuild, and the model package group.

    ``jobs_image`` is the image of every SageMaker job and ``api_image`` that of the prediction API, with their tags:
    the settings' own, or those built here by the CodeBuild projects ``builds``.
    """

    builds: tuple[str, ...] = ()

    def __init__(self, scope: Construct, settings: EnvironmentSettings, *, key: kms.IKey, logs_key: kms.IKey) -> None:
        super().__init__(scope, "registry", settings=settings, description="Image repositories and model registry")
        self._key = key
        self.training_repository = self._repository("TrainingRepository", TRAINING)
        self.api_repository = self._repository("ApiRepository", "api")
        self.models = sagemaker.CfnModelPackageGroup(
            self,
            "Models",
            model_package_group_name=settings.name(MODEL_GROUP),
            model_package_group_description="Versions of the price-sensitivity model that passed the gate",
        )
        self.models.override_logical_id("ModelPackageGroup")
        self.models.apply_removal_policy(self.removal_policy)
        own = settings.registry
        # SageMaker lets only root write where a job's outputs go; the cluster runs the same image as another user.
        self.jobs_image = own.jobs_image or self._built(
            "jobs", self.training_repository, logs_key, arguments={"RUN_AS": "0:0"}
        )
        self.api_image = own.api_image or self._built("api", self.api_repository, logs_key, arguments={})

    def _repository(self, logical_id: str, component: str) -> ecr.Repository:
        """Make a repository whose tags never move, whose images are scanned, and which forgets the oldest."""
        settings = self.settings.registry
        repository = ecr.Repository(
            self,
            logical_id,
            repository_name=self.settings.name(component),
            image_tag_mutability=ecr.TagMutability.IMMUTABLE,
            image_scan_on_push=True,
            encryption=ecr.RepositoryEncryption.KMS,
            encryption_key=self._key,
            lifecycle_rules=[
                ecr.LifecycleRule(
                    rule_priority=1,
                    description="Without a tag nobody can name it",
                    tag_status=ecr.TagStatus.UNTAGGED,
                    max_image_age=cdk.Duration.days(settings.untagged_days),
                ),
                ecr.LifecycleRule(
                    rule_priority=2,
                    description="Enough to roll back to",
                    tag_status=ecr.TagStatus.ANY,
                    max_image_count=settings.images_kept,
                ),
            ],
            removal_policy=self.removal_policy,
            empty_on_delete=self.removal_policy == cdk.RemovalPolicy.DESTROY,
        )
        pin(repository, logical_id)
        return repository

    def _built(self, name: str, repository: ecr.Repository, logs_key: kms.IKey, *, arguments: Mapping[str, str]) -> str:
        """Have an image built, with arguments for its Dockerfile; return its address."""
        build = ImageBuild(
            self,
            name,
            repository=repository,
            key=self._key,
            logs_key=logs_key,
            after=("registry", "eks"),
            arguments=arguments,
        )
        self.builds += (build.project_name,)
        return build.uri
