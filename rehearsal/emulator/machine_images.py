"""AWS's public parameters of machine images: each of Amazon Linux's names an image. No machine is started from any."""

import hashlib
from typing import Any, Final

from ministack.services import ssm

from rehearsal.emulator.settings import Settings

_LATEST: Final = "/aws/service/ami-amazon-linux-latest/"


def install(settings: Settings) -> None:  # noqa: ARG001  every plug-in's signature
    """Answer for all of them, not for the two that ministack lists."""
    ssm._PUBLIC_AMI_PARAMETERS = _Images(ssm._PUBLIC_AMI_PARAMETERS)


class _Images(dict[str, str]):
    def get(self, name: str, default: Any = None) -> Any:
        if name not in self and name.startswith(_LATEST):
            return f"ami-{hashlib.sha256(name.encode()).hexdigest()[:17]}"
        return super().get(name, default)
