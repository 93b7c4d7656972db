"""What the functions of a training work with, connected once per process."""

import os
from functools import cache, cached_property
from typing import Annotated

from botocore.session import get_session
from pydantic import Field

from lambdas.common.audit import Audit
from lambdas.common.ledger import LedgerStore
from lambdas.common.objects import Objects
from lambdas.common.runtime import Clients
from lambdas.common.settings import Name, Settings


class TrainingSettings(Settings):
    """What the functions of a training know besides.

    ``fingerprint`` stands for everything but the data that decides what a run gives: the jobs' image and settings.
    """

    fingerprint: Name
    model_group: Name
    api_image: Name
    approval: Annotated[str, Field(pattern="^(gate|person)$")]


class TrainingTools:
    """The lake's objects, the ledger and the audit records; nothing is called before it is used."""

    def __init__(self, settings: TrainingSettings, clients: Clients) -> None:
        self.settings = settings
        self.clients = clients

    @cached_property
    def objects(self) -> Objects:
        """The lake's objects."""
        return Objects(self.clients.of("s3"), self.settings.bucket)

    @cached_property
    def ledgers(self) -> LedgerStore:
        """The ledger of the use case."""
        return LedgerStore(self.objects, self.settings.use_case)

    @cached_property
    def audit(self) -> Audit:
        """The audit records."""
        return Audit(self.objects)


@cache
def training_tools() -> TrainingTools:
    """Return the tools by the process's own environment."""
    return TrainingTools(TrainingSettings.of(os.environ), Clients(get_session()))
