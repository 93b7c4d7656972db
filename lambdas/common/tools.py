"""What every function of the flow works with."""

from functools import cached_property
from typing import Generic, TypeVar

from lambdas.common.audit import Audit
from lambdas.common.ledger import LedgerStore
from lambdas.common.objects import Objects
from lambdas.common.runtime import Clients
from lambdas.common.settings import Settings

_Settings = TypeVar("_Settings", bound=Settings)


class LakeTools(Generic[_Settings]):
    """The lake's objects, the ledger and the audit records; nothing is called before it is used."""

    def __init__(self, settings: _Settings, clients: Clients) -> None:
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
