"""What a function is told by its environment, parsed once."""

from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import Field, ValidationError

from lambdas.common.errors import SettingsError
from lambdas.common.events import Frozen

_PREFIX = "MLOPS_"
Name = Annotated[str, Field(min_length=1)]


class Settings(Frozen):
    """Base of a function's settings: the lake's bucket and the use case. Variables are ``MLOPS_BUCKET`` and so on."""

    bucket: Name
    use_case: Name

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Self:
        """Return the settings in the variables of ``environment``.

        Raises:
            SettingsError: one is missing or wrong; the message names it.

        """
        names = {name: f"{_PREFIX}{name.upper()}" for name in cls.model_fields}
        try:
            return cls.model_validate({name: environment[key] for name, key in names.items() if key in environment})
        except ValidationError as error:
            faults = "; ".join(f"{names[str(each['loc'][0])]}: {each['msg']}" for each in error.errors())
            raise SettingsError(faults) from error


class ReleaseSettings(Settings):
    """What the functions of a release know besides.

    ``release_limit_seconds`` is the state machine's own time limit; ``alarm_settle_seconds`` is how long alarms go on
    measuring a version that was taken back.
    """

    cluster: Name
    api_key_secret: Name
    release_limit_seconds: Annotated[int, Field(ge=60)]
    alarm_settle_seconds: Annotated[int, Field(ge=0)]
