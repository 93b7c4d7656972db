"""EKS's UpdateNodegroupConfig, as far as sizes go: the group is described with them, no machine is started or ended.

IAM decides about a node group by the group's own ARN, not by its cluster's.
"""

import json
import re
import time
import uuid
from collections.abc import Mapping
from typing import Any, Final

from ministack import app
from ministack.core import iam_actions
from ministack.services import eks

from rehearsal.emulator.settings import Settings

_GROUP: Final = re.compile(r"/clusters/(?P<cluster>[\w-]+)/node-groups/(?P<group>[\w-]+)(?P<update>/update-config)?")
_SIZES: Final = ("minSize", "maxSize", "desiredSize")
Answer = tuple[int, dict[str, str], bytes]


def install(settings: Settings) -> None:  # noqa: ARG001  every plug-in's signature
    """Add the call, and node groups as what a permission is about."""
    known, resource_of = app.SERVICE_HANDLERS["eks"], iam_actions.extract_resource_arn

    async def handle(method: str, path: str, headers: Any, body: bytes, query: Any) -> Any:
        match = _GROUP.fullmatch(path)
        if match and match["update"] and method == "POST":
            return _update(match["cluster"], match["group"], json.loads(body or b"{}"))
        return await known(method, path, headers, body, query)

    def resource(service: str, method: str, path: str, *more: Any) -> str:
        match = _GROUP.fullmatch(path) if service == "eks" else None
        group = eks._nodegroups.get(f"{match['cluster']}/{match['group']}") if match else None
        return str(group["nodegroupArn"] if group else resource_of(service, method, path, *more))

    app.SERVICE_HANDLERS["eks"] = handle
    iam_actions.extract_resource_arn = resource


def _update(cluster: str, name: str, request: Mapping[str, Any]) -> Answer:
    group = eks._nodegroups.get(f"{cluster}/{name}")
    if group is None:
        return _answer(eks._error(404, "ResourceNotFoundException", f"No node group found for name: {name}."))
    unknown = set(request) - {"scalingConfig", "clientRequestToken"}
    if unknown:
        return _answer(eks._error(400, "InvalidParameterException", f"{', '.join(sorted(unknown))}: not emulated"))
    asked = request.get("scalingConfig", {})
    sizes = {**group["scalingConfig"], **asked}
    least, most, wanted = (sizes[each] for each in _SIZES)
    if not 0 <= least <= wanted <= most or most < 1:
        why = f"Minimum capacity {least}, desired {wanted} and maximum {most} do not go together."
        return _answer(eks._error(400, "InvalidParameterException", why))
    group["scalingConfig"] = sizes
    group["modifiedAt"] = time.time()
    update = {
        "id": str(uuid.uuid4()),
        "status": "Successful",
        "type": "ConfigUpdate",
        "params": [{"type": each[0].upper() + each[1:], "value": str(asked[each])} for each in _SIZES if each in asked],
        "createdAt": time.time(),
        "errors": [],
    }
    return _answer(eks._json_resp(200, {"update": update}))


def _answer(answer: Any) -> Answer:
    status, headers, body = answer
    return status, headers, body
