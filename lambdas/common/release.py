"""What the functions of a release work with, connected once per process."""

import os
import time
from functools import cache, cached_property
from typing import Final

import urllib3
from botocore.session import get_session

from config.names import RELEASED
from lambdas.common.deployment import InferenceDeployment
from lambdas.common.descriptors import Descriptors
from lambdas.common.eks import endpoint_of, token_for
from lambdas.common.kubernetes import Http, Kubernetes
from lambdas.common.packages import Packages
from lambdas.common.runtime import Clients
from lambdas.common.settings import ReleaseSettings
from lambdas.common.tools import LakeTools

# Audit records of a release: that it is to be, and what came of it. One that fails has that of its roll-back instead.
DECISION: Final = "release"
OUTCOME: Final = RELEASED
# In the decision's evidence: the name of the execution that has the release.
EXECUTION: Final = "execution"
_POD_SECONDS = 5.0


class ReleaseTools(LakeTools[ReleaseSettings]):
    """Besides what every function has: descriptors, packages and the cluster."""

    @cached_property
    def descriptors(self) -> Descriptors:
        """The descriptors of releases."""
        return Descriptors(self.objects, self.settings.use_case)

    @cached_property
    def packages(self) -> Packages:
        """The model packages."""
        return Packages(self.clients.of("sagemaker"))

    @cached_property
    def deployment(self) -> InferenceDeployment:
        """The Deployment in the cluster."""
        return InferenceDeployment(self.kubernetes)

    @cached_property
    def kubernetes(self) -> Kubernetes:
        """The cluster's API, by the function's own role."""
        cluster = self.settings.cluster
        endpoint = endpoint_of(self.clients.of("eks"), cluster)
        return Kubernetes.at(endpoint, lambda: token_for(self.clients.session, cluster))

    @cached_property
    def pods_http(self) -> Http:
        """What asks pods."""
        return urllib3.PoolManager(timeout=urllib3.Timeout(total=_POD_SECONDS), retries=False)

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)

    def api_key(self) -> str:
        """Return the API's key as it is now."""
        answer = self.clients.of("secretsmanager").get_secret_value(SecretId=self.settings.api_key_secret)
        return str(answer["SecretString"])


@cache
def release_tools() -> ReleaseTools:
    """Return the tools by the process's own environment."""
    return ReleaseTools(ReleaseSettings.of(os.environ), Clients(get_session()))
