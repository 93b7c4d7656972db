"""What the functions of a training work with, connected once per process."""

import os
from functools import cache
from typing import Annotated

from botocore.session import get_session
from pydantic import Field

from lambdas.common.runtime import Clients
from lambdas.common.settings import Name, Settings
from lambdas.common.tools import LakeTools


class TrainingSettings(Settings):
    """What the functions of a training know besides.

    ``fingerprint`` stands for everything but the data that decides what a run gives: the jobs' image and settings.
    """

    fingerprint: Name
    model_group: Name
    api_image: Name
    approval: Annotated[str, Field(pattern="^(gate|person)$")]


class TrainingTools(LakeTools[TrainingSettings]):
    """What every function has."""


@cache
def training_tools() -> TrainingTools:
    """Return the tools by the process's own environment."""
    return TrainingTools(TrainingSettings.of(os.environ), Clients(get_session()))
