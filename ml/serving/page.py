"""The page for trying a basket: four files that are read once, and the baskets it offers.

The files hold nothing of a model and are for everyone; what the model knows (``GET /samples``) asks for a key, where
the service does.
"""

from pathlib import Path
from typing import Final

import msgspec
from fastapi import APIRouter, Request, Response
from starlette.responses import JSONResponse

from ml.serving.keys import Keys, WrongKeyError
from ml.serving.predictor import Predictor
from ml.serving.samples import make_samples
from ml.serving.slot import ModelSlot

_FOLDER: Final = Path(__file__).parent / "static"
_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
# Nothing but the service's own files, and no text that becomes code: neither a script nor markup.
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
_HEADERS: Final = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-cache",
}
# In the page where a service asks for no key.
_KEY_NOT_ASKED: Final = b'data-key="not asked"'
_KEY_ASKED: Final = b'data-key="asked"'


class Page:
    """Answers ``/``, ``/static/…`` and ``/samples``."""

    def __init__(self, slot: ModelSlot, keys: Keys) -> None:
        self._slot = slot
        self._keys = keys
        self._files = {path.name: path.read_bytes() for path in _FOLDER.iterdir() if path.suffix in _TYPES}
        # Of a model's version, not of the model: one that was replaced is to be let go.
        self._made = ("", b"")

    def router(self) -> APIRouter:
        """Return the routes."""
        router = APIRouter()

        @router.get("/", include_in_schema=False)
        async def page() -> Response:
            content = self._files["index.html"]
            return _file("index.html", content.replace(_KEY_NOT_ASKED, _KEY_ASKED) if self._keys.asked else content)

        @router.get("/static/{name}", include_in_schema=False)
        async def file(name: str) -> Response:
            content = self._files.get(name)
            return _file(name, content) if content is not None else _refusal(404, "no such file")

        @router.get("/samples", tags=["page"], summary="Baskets to try, of products that the model knows")
        def samples(request: Request) -> Response:
            try:
                self._keys.check(request.scope)
            except WrongKeyError:
                return _refusal(401, "a valid x-api-key is needed")
            predictor = self._slot.predictor
            if predictor is None:
                return _refusal(503, "no model is loaded yet")
            return Response(
                self._samples(predictor), media_type="application/json", headers={"cache-control": "no-store"}
            )

        return router

    def _samples(self, predictor: Predictor) -> bytes:
        """Return the samples of ``predictor``; they are made once for each model."""
        version, made = self._made
        if version != predictor.version:
            made = msgspec.json.encode(make_samples(predictor))
            self._made = (predictor.version, made)
        return made


def _file(name: str, content: bytes) -> Response:
    return Response(content, media_type=_TYPES[Path(name).suffix], headers=_HEADERS)


def _refusal(status: int, message: str) -> Response:
    return JSONResponse({"error": {"message": message}}, status_code=status)
