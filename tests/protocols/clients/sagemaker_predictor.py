"""SageMaker's (de)serializers: ``python sagemaker_predictor.py URL``, a basket and a table on the standard input."""

import json
import sys
import urllib.request
from typing import Any

from sagemaker.core.deserializers import CSVDeserializer, JSONDeserializer
from sagemaker.core.serializers import CSVSerializer, JSONSerializer


def ask(url: str, serializer: Any, deserializer: Any, data: Any) -> Any:
    """Do what a predictor does, without the service between that signs and forwards."""
    headers = {"Content-Type": serializer.CONTENT_TYPE, "Accept": ", ".join(deserializer.ACCEPT)}
    request = urllib.request.Request(f"{url}/invocations", serializer.serialize(data).encode(), headers)
    answer = urllib.request.urlopen(request)
    return deserializer.deserialize(answer, answer.headers["content-type"])


def main() -> None:
    """Ask with each serializer for each deserializer."""
    (url,) = sys.argv[1:]
    given = json.load(sys.stdin)
    found = {
        f"{form}_{back.__name__}": ask(url, serializer, back(), given[form])
        for form, serializer in (("json", JSONSerializer()), ("csv", CSVSerializer()))
        for back in (JSONDeserializer, CSVDeserializer)
    }
    print(json.dumps(found))  # noqa: T201


main()
