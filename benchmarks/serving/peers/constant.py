"""The least a FastAPI endpoint can do: read the body, return a constant. On the service's own server settings."""

import sys
from typing import Any

from fastapi import FastAPI, Request

from ml.serving.server import serve

app = FastAPI()
ANSWER = {
    "prediction": "Medium",
    "code": "MM",
    "probabilities": {"High": 0.0125, "Medium": 0.975, "Low": 0.0125},
    "model_version": "200751-0123456789",
    "basket_id": "994109800445891",
}


@app.post("/predict")
async def predict(request: Request) -> dict[str, Any]:
    """Return the constant."""
    await request.body()
    return ANSWER


@app.get("/ready")
async def ready() -> dict[str, str]:
    """Return at once."""
    return {"status": "ready"}


if __name__ == "__main__":
    serve(app, host="127.0.0.1", port=int(sys.argv[1]))
