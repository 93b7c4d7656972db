"""Types that are kept and described by their stack, and do nothing here."""

from collections.abc import Mapping
from typing import Any, Final

from ministack.services.cloudformation import provisioners

from rehearsal.emulator import fidelity

TYPES: Final[Mapping[str, str]] = {
    "Custom::AWSCDK-EKS-HelmChart": "Charts come from the internet; the cluster here runs none.",
}


def install() -> None:
    """Accept these types."""
    for name, why in TYPES.items():
        fidelity.accepted(name, why)
        provisioners._RESOURCE_HANDLERS[name] = {
            "create": _create(name),
            "update": lambda physical_id, *_: (physical_id, {}),
            "delete": lambda *_: None,
        }


def _create(name: str) -> Any:
    def create(logical_id: str, properties: Mapping[str, Any], stack_name: str) -> tuple[str, dict[str, Any]]:
        fidelity.deployed(name, unread=properties.keys())
        return f"{stack_name}-{logical_id}", {}

    return create
