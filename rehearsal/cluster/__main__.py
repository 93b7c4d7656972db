"""``python -m rehearsal.cluster``: run a cluster until it is told to end.

When it is ready ``ready.json`` is in its folder: ``url`` and ``authority`` (PEM text) of the API, an administrator's
``token``, the address of the ``load_balancer``, and the key of the ``issuer`` of service accounts' tokens (PEM text).
``kubeconfig`` beside it is for kubectl.
"""

import argparse
import asyncio
import sys
from pathlib import Path

from rehearsal.cluster.server import run
from rehearsal.cluster.settings import Settings, Taken
from rehearsal.processes import RehearsalError
from rehearsal.world import SPEED


def _settings() -> Settings:
    parser = argparse.ArgumentParser(prog="python -m rehearsal.cluster", description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="where everything is written")
    parser.add_argument("--world", type=Path, required=True, help="the folder of world.json, which says where AWS is")
    parser.add_argument("--name", required=True, help="the name of the EKS cluster that this one is")
    parser.add_argument("--image-registry", required=True, help="the registry whose images are the program")
    parser.add_argument("--program", type=Path, required=True, help="what such an image runs")
    parser.add_argument("--speed", type=float, default=SPEED, help="by what waits for a load balancer are divided")
    parser.add_argument("--kubeconfig", type=Path, help="the way to a real API server, to be the only node of")
    parser.add_argument("--namespace", help="what is made there and gone afterwards, with all that is in it")
    parser.add_argument("--label", dest="labels", action="append", default=[], help="NAME=VALUE of that node")
    parser.add_argument("--variable", dest="variables", action="append", default=[], help="NAME=VALUE of containers")
    given = vars(parser.parse_args())
    kubeconfig, namespace = (given.pop(name) for name in ("kubeconfig", "namespace"))
    labels, variables = (dict(each.split("=", 1) for each in given.pop(name)) for name in ("labels", "variables"))
    if kubeconfig is None:
        return Settings(**given, variables=variables)
    if not namespace:
        parser.error("--kubeconfig needs a --namespace")
    taken = Taken(kubeconfig=kubeconfig, namespace=namespace, labels=labels)
    return Settings(**given, variables=variables, taken=taken)


def main() -> int:
    """Run the cluster; return the exit code."""
    try:
        asyncio.run(run(_settings()))
    except RehearsalError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
