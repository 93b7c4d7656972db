"""Settings of the delivery pipeline and of what GitHub Actions may do, parsed once into frozen types."""

from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from config.document import Frozen, read_document
from config.settings import ENVIRONMENTS, FOLDER, Account, Environment, LogDays, Prefix, Region

DELIVERY = "delivery"
# What the file says until somebody says which repository is theirs. `make doctor` complains about it.
EXAMPLE_REPOSITORY = "your-name/mlops-price-sensitivity"

# A branch or a deployment environment of the repository: no wildcard, no tag, no pull request.
Subject = Annotated[str, Field(pattern=r"^(environment:[\w.-]+|ref:refs/heads/[\w./-]+)$")]


class GitHubSettings(Frozen):
    """Which jobs of the repository may deploy which environment."""

    # An account has one identity provider for GitHub: false where another application already made it.
    create_provider: bool = True
    subjects: dict[Environment, tuple[Subject, ...]]

    @model_validator(mode="after")
    def _nobody_shares_a_subject(self) -> Self:
        named = [subject for subjects in self.subjects.values() for subject in subjects]
        if len(set(named)) < len(named):
            raise ValueError("subjects: one subject stands under two environments")
        return self


class DeliverySettings(Frozen):
    """Where the code comes from, and how it gets to each environment."""

    prefix: Prefix
    account: Account | None = None
    region: Region | None = None
    repository: Annotated[str, Field(pattern=r"^[\w.-]+/[\w.-]+$")] = EXAMPLE_REPOSITORY
    branch: Annotated[str, Field(pattern=r"^[\w./-]+$")] = "main"
    # Environments that a person opens by hand, every time.
    approval: tuple[Environment, ...] = ("prod",)
    log_days: LogDays = 30
    artifact_days: int = Field(default=30, ge=1)
    github: GitHubSettings

    @model_validator(mode="after")
    def _safe_and_complete(self) -> Self:
        if "prod" not in self.approval:
            raise ValueError("approval: prod is opened by a person; add it")
        if self.account is not None and self.region is None:
            raise ValueError("region: an account needs a region beside it")
        trusted: set[str] = {environment for environment, subjects in self.github.subjects.items() if subjects}
        missing = [environment for environment in ENVIRONMENTS if environment not in trusted]
        if missing:
            raise ValueError(f"github.subjects: nothing for {', '.join(missing)}")
        return self

    def name(self, component: str | None = None) -> str:
        """Return a physical name: ``{prefix}-delivery`` of the whole, ``{prefix}-delivery-{component}`` of a part."""
        return "-".join(part for part in (self.prefix, DELIVERY, component) if part)


def load_delivery(**changes: Any) -> DeliverySettings:
    """Return the settings of the delivery; ``changes`` replace top-level keys (prefix, account, region).

    Raises:
        ConfigError: there is no such file, or a wrong key or value in it or among ``changes``.

    """
    return read_document(DeliverySettings, FOLDER / "delivery.yaml", **changes)
