"""The API server: Kubernetes' REST interface to the store, as an ASGI application."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, Final

import yaml
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from rehearsal.cluster import discovery, reviews
from rehearsal.cluster.access import Access
from rehearsal.cluster.errors import ApiError
from rehearsal.cluster.identity import Identity
from rehearsal.cluster.kinds import Kind, Object, shown
from rehearsal.cluster.patches import apply, json_patch, merge_patch, strategic_merge_patch
from rehearsal.cluster.requests import Target, selected, target_of
from rehearsal.cluster.store import Store

_APPLY: Final = "application/apply-patch+yaml"
_PATCHES: Final[Mapping[str, Callable[[Any, Any], Any]]] = {
    "application/json-patch+json": json_patch,
    "application/merge-patch+json": merge_patch,
    "application/strategic-merge-patch+json": strategic_merge_patch,
}


class ApiServer:
    """The application. ``logs`` returns what a pod has written, by namespace and name."""

    def __init__(self, store: Store, identity: Identity, logs: Callable[[str, str], str]) -> None:
        self._store = store
        self._identity = identity
        self._access = Access(store)
        self._logs = logs
        # What each field manager applied last, by the object's uid and the manager's name.
        self._applied: dict[tuple[str, str], Object] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = Request(scope, receive)
        try:
            response = await self._answer(request)
        except ApiError as error:
            response = JSONResponse(error.body(), error.status)
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        if request.url.path in {"/healthz", "/readyz", "/livez"}:
            return PlainTextResponse("ok")
        user = await self._identity.of(request.headers)
        if (found := discovery.answer(request.url.path)) is not None:
            return JSONResponse(found)
        if request.method == "POST" and (review := reviews.of(request.url.path)):
            question = _parsed(await request.body(), "application/json")
            return JSONResponse(review(self._access, user, question), 201)
        watches = request.query_params.get("watch") in {"1", "true"}
        target = target_of(request.method, request.url.path, watches=watches)
        self._access.check(user, target.asked)
        if target.kind is None:
            raise ApiError(404, "the server could not find the requested resource")
        return await self._perform(request, target, target.kind)

    async def _perform(self, request: Request, target: Target, of: Kind) -> Response:
        asked, query = target.asked, dict(request.query_params)
        if target.part not in {"", "status", "log", "scale"}:
            raise ApiError(404, f"{asked.resource} is not served here")
        if target.version != of.version and asked.verb not in {"get", "list"}:
            raise ApiError(405, f"{of.kind} is written as {of.api_version} only")
        if asked.verb in {"get", "list", "watch"}:
            return self._read(target, of, query)
        if asked.verb in {"delete", "deletecollection"}:
            return await self._delete(request, target, of, query)
        return self._write(request, await request.body(), target, of)

    def _read(self, target: Target, of: Kind, query: Mapping[str, str]) -> Response:
        asked = target.asked
        if asked.verb == "watch":
            return StreamingResponse(self._watched(target, of, query), media_type="application/json")
        if asked.verb == "list":
            return JSONResponse(self._listed(target, of, query))
        thing = self._store.get(of, asked.namespace, asked.name)
        if target.part == "log":
            return PlainTextResponse(self._logs(asked.namespace, asked.name))
        return JSONResponse(scale_of(thing) if target.part == "scale" else shown(thing, of, target.version))

    def _write(self, request: Request, body: bytes, target: Target, of: Kind) -> Response:
        try:
            if target.asked.verb == "patch":
                return JSONResponse(*self._patch(request, body, target, of))
            thing = _placed(_parsed(body, "application/json"), target)
            if target.asked.verb == "create":
                return JSONResponse(self._store.create(of, thing), 201)
            return JSONResponse(self._update(thing, target, of))
        except (KeyError, TypeError, AttributeError) as error:
            raise ApiError(422, f"{of.kind}: a field that is needed is missing, or of another type: {error}") from error

    def _listed(self, target: Target, of: Kind, query: Mapping[str, str]) -> Object:
        found = self._store.list(of, target.asked.namespace or None, lambda each: selected(each, query))
        return {
            "kind": f"{of.kind}List",
            "apiVersion": of.api_version,
            "metadata": {"resourceVersion": self._store.version},
            "items": [shown(each, of, target.version) for each in found],
        }

    async def _watched(self, target: Target, of: Kind, query: Mapping[str, str]) -> AsyncIterator[bytes]:
        """Tell what is there, then each change."""
        changed = self._store.watch()
        known: dict[str, Object] = {}
        since = int(query.get("resourceVersion") or 0)
        try:
            while True:
                changed.clear()
                present = {each["metadata"]["uid"]: each for each in self._listed(target, of, query)["items"]}
                for uid, thing in present.items():
                    version = thing["metadata"]["resourceVersion"]
                    if uid in known and known[uid]["metadata"]["resourceVersion"] == version:
                        continue
                    if uid in known or int(version) > since:
                        yield _line("MODIFIED" if uid in known else "ADDED", thing)
                for uid in known.keys() - present.keys():
                    yield _line("DELETED", known[uid])
                known = present
                await changed.wait()
        finally:
            self._store.unwatch(changed)

    def _update(self, thing: Object, target: Target, of: Kind) -> Object:
        if target.part == "scale":
            kept = self._store.get(of, target.asked.namespace, target.asked.name)
            kept["spec"]["replicas"] = thing["spec"]["replicas"]
            return scale_of(self._store.update(of, kept))
        return self._store.update(of, thing, status=target.part == "status")

    def _patch(self, request: Request, body: bytes, target: Target, of: Kind) -> tuple[Object, int]:
        content = request.headers.get("content-type", "").partition(";")[0]
        change = _parsed(body, content)
        if content == _APPLY:
            return self._apply(_placed(change, target), target, of, request.query_params)
        if content not in _PATCHES:
            raise ApiError(415, f"the body of the request was in an unknown format: {content}")
        kept = self._store.get(of, target.asked.namespace, target.asked.name)
        if target.part == "scale":
            return self._update(_PATCHES[content](scale_of(kept), change), target, of), 200
        return self._update(_placed(_PATCHES[content](kept, change), target), target, of), 200

    def _apply(self, thing: Object, target: Target, of: Kind, query: Mapping[str, str]) -> tuple[Object, int]:
        manager = query.get("fieldManager")
        if not manager:
            raise ApiError(422, "fieldManager: Required value: is required for apply patch")
        kept = self._store.find(of, target.asked.namespace, target.asked.name)
        if kept is None:
            new, status = self._store.create(of, thing), 201
        else:
            before = self._applied.get((kept["metadata"]["uid"], manager))
            merged = apply(kept, before, thing, force=query.get("force") == "true")
            new, status = self._store.update(of, merged, status=target.part == "status"), 200
        self._applied[new["metadata"]["uid"], manager] = thing
        return new, status

    async def _delete(self, request: Request, target: Target, of: Kind, query: Mapping[str, str]) -> Response:
        raw = await request.body()
        options = _parsed(raw, "application/json") if raw else {}
        seconds = query.get("gracePeriodSeconds", options.get("gracePeriodSeconds"))
        grace = None if seconds is None else int(seconds)
        asked = target.asked
        if asked.name:
            return JSONResponse(self._store.delete(of, asked.namespace, asked.name, grace=grace))
        for each in self._store.list(of, asked.namespace or None, lambda thing: selected(thing, query)):
            self._store.delete(of, each["metadata"].get("namespace", ""), each["metadata"]["name"], grace=grace)
        await asyncio.sleep(0)
        return JSONResponse(self._listed(target, of, query))


def scale_of(thing: Object) -> Object:
    """Return the part of a Deployment that says how many pods it has."""
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {key: thing["metadata"][key] for key in ("name", "namespace", "uid", "resourceVersion")},
        "spec": {"replicas": thing["spec"].get("replicas", 1)},
        "status": {"replicas": thing.get("status", {}).get("replicas", 0)},
    }


def _placed(thing: Object, target: Target) -> Object:
    """Return the object where its path says that it is."""
    metadata = thing.setdefault("metadata", {})
    for key, value in (("namespace", target.asked.namespace), ("name", target.asked.name)):
        if value and metadata.setdefault(key, value) != value:
            raise ApiError(400, f"the {key} of the object ({metadata[key]}) is not that of the request ({value})")
    return thing


def _parsed(body: bytes, content: str) -> Any:
    try:
        found = yaml.safe_load(body) if content == _APPLY else json.loads(body)
    except (ValueError, yaml.YAMLError) as error:
        raise ApiError(400, f"the body of the request cannot be read: {error}") from error
    if not isinstance(found, list if content == "application/json-patch+json" else dict):
        raise ApiError(400, "the body of the request is not an object")
    return found


def _line(kind: str, thing: Object) -> bytes:
    return json.dumps({"type": kind, "object": thing}).encode() + b"\n"
