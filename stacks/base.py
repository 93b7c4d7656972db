"""What every stack of an environment has in common: its name, place, tags and what is left when it is destroyed."""

from typing import Any

import aws_cdk as cdk
from constructs import Construct

from config.names import tags_of
from config.settings import EnvironmentSettings


class PlatformStack(cdk.Stack):
    """A stack named ``{prefix}-{environment}-{component}``."""

    def __init__(
        self, scope: Construct, component: str, *, settings: EnvironmentSettings, description: str, **options: Any
    ) -> None:
        self._zones = [f"{settings.region}{letter}" for letter in settings.network.zones] if settings.region else None
        boundary = settings.security.permissions_boundary
        super().__init__(
            scope,
            "".join(part.capitalize() for part in component.split("-")),
            stack_name=settings.name(component),
            description=description,
            env=cdk.Environment(account=settings.account, region=settings.region),
            permissions_boundary=cdk.PermissionsBoundary.from_name(boundary) if boundary else None,
            termination_protection=settings.on_destroy == "retain",
            **options,
        )
        self.settings = settings
        for tag, value in tags_of(settings.environment, component).items():
            cdk.Tags.of(self).add(tag, value)

    @property
    def availability_zones(self) -> list[str]:
        """The zones of the settings, so that synthesis looks nothing up; of any region, its first ones."""
        if self._zones is None:
            return [cdk.Fn.select(index, cdk.Fn.get_azs()) for index in range(len(self.settings.network.zones))]
        return self._zones

    @property
    def removal_policy(self) -> cdk.RemovalPolicy:
        """What becomes of data, keys and logs when the stack is destroyed."""
        return cdk.RemovalPolicy.RETAIN if self.settings.on_destroy == "retain" else cdk.RemovalPolicy.DESTROY
