"""MLflow's client and server: ``python mlflow_scoring.py HOST:PORT`` with bodies on the standard input.

Every body goes to MLflow's own scoring server, too, around a model that answers the table it was given.
"""

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import mlflow.pyfunc
import pandas as pd
import requests
from fastapi.testclient import TestClient
from mlflow.pyfunc import scoring_server
from mlflow.pyfunc.scoring_server.client import ScoringServerClient


class Echo(mlflow.pyfunc.PythonModel):  # type: ignore[misc]
    """Answers the rows it was asked about."""

    def predict(self, context: Any, model_input: Any, params: dict[str, Any] | None = None) -> Any:
        return pd.DataFrame(model_input)


def main() -> None:
    """Ask both servers the same."""
    (address,) = sys.argv[1:]
    given = json.load(sys.stdin)
    with tempfile.TemporaryDirectory() as folder:
        mlflow.pyfunc.save_model(str(Path(folder) / "echo"), python_model=Echo(), pip_requirements=[])
        theirs = TestClient(scoring_server.init(mlflow.pyfunc.load_model(str(Path(folder) / "echo"))))
    url = f"http://{address}/invocations"
    bodies = [(each["type"], each["body"]) for each in given["bodies"]]
    host, port = address.split(":")
    client = ScoringServerClient(host, int(port))
    client.ping()
    client.get_version()
    table = pd.DataFrame(given["rows"])
    found = {
        "theirs": [
            {"status": answer.status_code, "body": answer.text}
            for answer in (
                theirs.post("/invocations", content=body, headers={"content-type": kind}) for kind, body in bodies
            )
        ],
        "ours": [
            {"status": answer.status_code, "body": answer.text}
            for answer in (
                requests.post(url, data=body.encode(), headers={"content-type": kind}, timeout=30)
                for kind, body in bodies
            )
        ],
        "client": [
            client.invoke(table).get_predictions().to_dict("records"),
            client.invoke(table, params={"explain": True}).get_predictions().to_dict("records"),
        ],
        "health": [theirs.get("/health").status_code, requests.get(f"http://{address}/health", timeout=30).status_code],
    }
    print(json.dumps(found))  # noqa: T201


main()
