"""From context to app: what is synthesized, and the rules that all of it must keep."""

from pathlib import Path
from typing import Any

import aws_cdk as cdk
from cdk_nag import AwsSolutionsChecks

from config.delivery import load_delivery
from config.document import ConfigError
from config.settings import ENVIRONMENTS, EnvironmentSettings, load_environment
from stacks.delivery import DeliveryStack
from stacks.platform import PlatformStage, build_platform

ALL = "all"
_CHANGES = ("prefix", "account", "region")
_RULES = Path(__file__).parent / "rules"


def build_app(*, rules: bool = True, **options: Any) -> cdk.App:
    """Return the app that the context asks for.

    Context: ``environment`` is one of the environments, whose stacks then stand at the top so that
    ``cdk deploy --all`` deploys them, or ``all``: every environment as a stage, and the delivery pipeline.
    ``prefix``, ``account`` and ``region`` take the place of the settings' own. ``revision`` is the commit that
    images are tagged with. ``images=REGISTRY:TAG`` takes ``REGISTRY/mlops-jobs:TAG`` and ``REGISTRY/mlops-api:TAG``
    instead of having images built.

    Raises:
        ConfigError: the context or a settings file has a wrong key or value.

    """
    app = cdk.App(**options)
    environment = app.node.try_get_context("environment")
    changes = {key: app.node.try_get_context(key) for key in _CHANGES}
    chosen = {key: value for key, value in changes.items() if value is not None}
    images = app.node.try_get_context("images")
    if environment in ENVIRONMENTS:
        build_platform(app, _with_images(load_environment(environment, **chosen), images))
    elif environment == ALL:
        stages = [PlatformStage(app, _with_images(load_environment(each, **chosen), images)) for each in ENVIRONMENTS]
        DeliveryStack(app, load_delivery(**chosen), stages=stages)
    else:
        raise ConfigError(f"context environment={environment}: choose one of {', '.join((*ENVIRONMENTS, ALL))}")
    if rules:
        add_rules(app)
    return app


def _with_images(settings: EnvironmentSettings, images: str | None) -> EnvironmentSettings:
    """Return ``settings`` with images of ``REGISTRY:TAG`` where it is given."""
    if images is None:
        return settings
    registry, _, tag = images.rpartition(":")
    if not registry or not tag:
        raise ConfigError(f"context images={images}: write REGISTRY:TAG")
    return settings.model_copy(
        update={
            "registry": settings.registry.model_copy(
                update={"jobs_image": f"{registry}/mlops-jobs:{tag}", "api_image": f"{registry}/mlops-api:{tag}"}
            )
        }
    )


def add_rules(app: cdk.App) -> None:
    """Let synthesis fail on what cdk-nag, and the Guard rules for what it cannot see, find."""
    validations = cdk.Validations.of(app)
    validations.add_plugins(AwsSolutionsChecks(verbose=False))
    validations.add_plugins(guard_rules())


def guard_rules() -> cdk.CloudFormationValidatePlugin:
    """Return the plugin that runs ``stacks/rules``.

    Its findings are errors because of the flag ``validateAgainstDefaultRules`` in cdk.json; without it they would
    be warnings, which do not stop synthesis.
    """
    sources = [
        cdk.ValidationRuleSource(name=file.stem, content=file.read_text(encoding="utf-8"))
        for file in sorted(_RULES.glob("*.guard"))
    ]
    return cdk.CloudFormationValidatePlugin(guard_rules=sources)
