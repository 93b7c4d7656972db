"""What functions are called with and what they answer: frozen types that refuse what they do not know."""

from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from lambdas.common.errors import EventError

# A version names a folder of the lake and is the value of a Kubernetes label; a key is an execution's name.
Version = Annotated[str, Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$")]
Key = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,80}$")]
Text = Annotated[str, Field(min_length=1, max_length=2000)]
PackageArn = Annotated[str, Field(pattern=r"^arn:[\w-]+:sagemaker:[\w-]+:\d{12}:model-package/.+$")]


class Frozen(BaseModel):
    """Base of events and answers."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def as_json(self) -> dict[str, Any]:
        """Return the value as JSON types."""
        return self.model_dump(mode="json")


class Decided(Frozen):
    """Base of events that decide something: which decision, when, by whom (a person or a trigger) and why.

    ``key`` and ``at`` are the same whenever the event is delivered again: records are named by them, and no
    function looks at a clock.
    """

    key: Key
    at: AwareDatetime
    by: Text
    reason: Text


Parsed = TypeVar("Parsed", bound=BaseModel)


def parse(kind: type[Parsed], event: Mapping[str, Any]) -> Parsed:
    """Return ``event`` as ``kind``.

    Raises:
        EventError: it has a wrong, missing or unknown field; the message names each.

    """
    try:
        return kind.model_validate(event)
    except ValidationError as error:
        raise EventError(f"{kind.__name__}: {fields_at_fault(error)}") from error


def fields_at_fault(error: ValidationError) -> str:
    """Return each field at fault with what is wrong, without the values."""
    return "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors(include_input=False))
