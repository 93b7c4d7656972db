"""API keys in Secrets Manager."""

import json

from botocore.exceptions import ClientError

from cloud.aws import client, code_of, named
from ml.errors import StoreError


class SecretKeys:
    """A secret, by name or ARN: the key itself, or JSON with ``current`` and, while both are valid, ``previous``.

    Of a secret that is the key itself, the version before (AWSPREVIOUS) is valid too: putting a new value changes the
    key without an outage, and putting another ends the old one. The JSON form ends it at once.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._secrets = client("secretsmanager")

    def read(self) -> tuple[str, ...]:
        """Return the keys that are valid now.

        Raises:
            StoreError: the secret cannot be read, or holds neither form.

        """
        with named(f"secret {self._name}"):
            current = self._text("AWSCURRENT")
            try:
                value = json.loads(current)
            except ValueError:
                value = None
            if isinstance(value, dict):
                return self._both(value)
            try:
                return (current, self._text("AWSPREVIOUS"))
            except ClientError as error:
                # It has never been changed.
                if code_of(error) == "ResourceNotFoundException":
                    return (current,)
                raise

    def _text(self, stage: str) -> str:
        answer = self._secrets.get_secret_value(SecretId=self._name, VersionStage=stage)
        text = answer.get("SecretString")
        if not text:
            raise StoreError(f"secret {self._name}: its {stage} version holds no text")
        return str(text)

    def _both(self, value: dict[str, object]) -> tuple[str, ...]:
        keys = [value[name] for name in ("current", "previous") if value.get(name)]
        if not value.get("current") or not all(isinstance(key, str) for key in keys):
            raise StoreError(f'secret {self._name}: its JSON is not {{"current": key}} or with "previous": key')
        return tuple(str(key) for key in keys)
