"""Types that are made by the emulator's own API: what a template declares is then there for every caller."""

import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import jmespath
from botocore.exceptions import ClientError
from botocore.model import OperationModel
from ministack.services.cloudformation import provisioners, stacks

from rehearsal.emulator import fidelity
from rehearsal.emulator.cloudformation.requests import request, unnamed
from rehearsal.emulator.front import Front
from rehearsal.emulator.roles import Credentials
from rehearsal.emulator.settings import Settings

Properties = Mapping[str, Any]
_lock: Final = threading.Lock()
_clients: Final[dict[str, Any]] = {}


@dataclass(frozen=True, kw_only=True)
class Backed:
    """A type of CloudFormation, by the operations of a service.

    A parameter is the property of its name, unless ``parameters`` makes it from the properties. ``ref`` and
    ``attributes`` are JMESPath expressions over ``{"answer": what create returned, "properties": …, "settings": …}``.
    Without ``update``, or where a property of its ``identity`` changes, a resource is made anew and CloudFormation
    deletes the old one. ``delete_by`` gets the physical id and the properties. ``afterwards`` runs after create and
    update, for what takes more calls; ``reads`` names the properties that these functions look at.
    """

    service: str
    create: str
    delete: str
    delete_by: Callable[[str, Properties], dict[str, Any]]
    ref: str
    attributes: Mapping[str, str] = field(default_factory=dict)
    parameters: Callable[[Properties], dict[str, Any]] = lambda _: {}
    reads: frozenset[str] = frozenset()
    update: str | None = None
    identity: tuple[str, ...] = ()
    afterwards: Callable[[Any, Properties], None] | None = None
    but: str = ""
    does_nothing: str = ""


def register(types: Mapping[str, Backed], settings: Settings) -> None:
    """Teach CloudFormation the types; their handlers may call the emulator, as they run beside its loop."""
    for name, backed in types.items():
        maker = _Maker(name, backed, settings)
        provisioners._RESOURCE_HANDLERS[name] = {
            "create": maker.create,
            "update": maker.update,
            "update_with_logical_id": True,
            "delete": maker.delete,
        }
        if backed.does_nothing:
            fidelity.accepted(name, backed.does_nothing)
        else:
            fidelity.emulated(name, backed.but)
    natively = stacks._runs_on_worker_thread
    stacks._runs_on_worker_thread = lambda resource_type: resource_type in types or natively(resource_type)


class _Maker:
    def __init__(self, name: str, backed: Backed, settings: Settings) -> None:
        self._name, self._backed, self._settings = name, backed, settings

    def create(self, logical_id: str, properties: Properties, stack_name: str) -> tuple[str, dict[str, Any]]:  # noqa: ARG002  ministack's signature
        """Make the resource; return its physical id and its attributes."""
        operation = self._operation(self._backed.create)
        wanted = self._parameters(properties, operation)
        fidelity.deployed(self._name, unread=unnamed(properties, operation) - self._backed.reads)
        answer = self._call(operation, wanted)
        self._finish(properties)
        about = {"answer": answer, "properties": dict(properties), "settings": vars(self._settings)}
        attributes = {name: jmespath.search(path, about) for name, path in self._backed.attributes.items()}
        return str(jmespath.search(self._backed.ref, about)), attributes

    def update(
        self,
        physical_id: str,
        old: Properties,
        new: Properties,
        stack_name: str,
        logical_id: str,
    ) -> tuple[str, dict[str, Any]]:
        """Change the resource in its place, if its service can; else make another."""
        backed = self._backed
        if backed.update is None or any(old.get(name) != new.get(name) for name in backed.identity):
            return self.create(logical_id, new, stack_name)
        operation = self._operation(backed.update)
        self._call(operation, self._parameters(new, operation))
        self._finish(new)
        return physical_id, {}

    def delete(self, physical_id: str, properties: Properties) -> None:
        """Delete the resource; one that is gone already is no error."""
        operation = self._operation(self._backed.delete)
        try:
            self._call(operation, self._backed.delete_by(physical_id, properties))
        except ClientError as error:
            if "NotFound" not in error.response["Error"]["Code"]:
                raise

    def _parameters(self, properties: Properties, operation: OperationModel) -> dict[str, Any]:
        made = self._backed.parameters(properties)
        named = {name: value for name, value in properties.items() if name not in made}
        wanted = {**request(named, operation), **made}
        members = operation.input_shape.members
        return {name: value for name, value in wanted.items() if name in members and value is not None}

    def _finish(self, properties: Properties) -> None:
        if self._backed.afterwards:
            self._backed.afterwards(self._client(), properties)

    def _operation(self, name: str) -> OperationModel:
        return self._client().meta.service_model.operation_model(name)

    def _call(self, operation: OperationModel, parameters: dict[str, Any]) -> dict[str, Any]:
        client = self._client()
        method = next(method for method, name in client.meta.method_to_api_mapping.items() if name == operation.name)
        whose = {"AccountId": self._settings.account} if "AccountId" in operation.input_shape.required_members else {}
        answer: dict[str, Any] = getattr(client, method)(**whose, **parameters)
        return answer

    def _client(self) -> Any:
        """Return this emulator's client of the service, as the root: CloudFormation's role may do anything."""
        service = self._backed.service
        with _lock:
            if service not in _clients:
                root = Credentials(
                    arn=f"arn:aws:iam::{self._settings.account}:root",
                    access_key=os.environ["AWS_ACCESS_KEY_ID"],
                    secret_key=os.environ["AWS_SECRET_ACCESS_KEY"],
                    token="",
                )
                _clients[service] = Front(self._settings).client(service, root)
            return _clients[service]
