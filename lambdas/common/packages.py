"""Model packages of SageMaker's registry: who is approved, and who is not any more."""

from dataclasses import dataclass
from typing import Any

from config.names import ModelStatus

# SageMaker's own limit.
_LONGEST_REASON = 1024


@dataclass(frozen=True)
class Packages:
    """The registry, by the ARN of a package."""

    sagemaker: Any

    def status(self, package: str) -> ModelStatus:
        """Return whether ``package`` is approved, rejected, or waits for a person."""
        answer = self.sagemaker.describe_model_package(ModelPackageName=package)
        return ModelStatus(answer["ModelApprovalStatus"])

    def reject(self, package: str, reason: str) -> None:
        """Reject ``package`` with the reason. One that is rejected keeps the reason it has."""
        if self.status(package) != ModelStatus.REJECTED:
            self.sagemaker.update_model_package(
                ModelPackageArn=package,
                ModelApprovalStatus=str(ModelStatus.REJECTED),
                ApprovalDescription=reason[:_LONGEST_REASON],
            )
