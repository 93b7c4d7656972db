"""Where a rehearsal takes place: its folder, and how AWS is reached from it."""

import json
import os
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, Self

import boto3
import botocore.session
from botocore.config import Config
from botocore.configprovider import ConstantProvider

from ml.files import write_json

ACCOUNT: Final = "000000000000"
REGION: Final = "ap-southeast-1"
# By what waits and periods are divided. An alarm on the service still sees enough requests in one of its minutes.
SPEED: Final = 16.0
# The registry of images that mean: the commands of this environment.
REGISTRY: Final = "rehearsal.local"
_FILE: Final = "world.json"


@dataclass(frozen=True, kw_only=True)
class World:
    """The emulated AWS: its address and certificate, and an administrator's credentials.

    ``folder`` is the rehearsal's output: everything that a process writes goes below it. ``speed`` is by what waits,
    periods and buckets are divided.
    """

    folder: Path
    endpoint: str
    authority: Path
    access_key: str
    secret_key: str
    speed: float = SPEED
    account: str = ACCOUNT
    region: str = REGION

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which a subprocess finds AWS, as the administrator."""
        return {
            **self.place,
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
        }

    @property
    def place(self) -> dict[str, str]:
        """The same without credentials."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_CA_BUNDLE": str(self.authority),
            "SSL_CERT_FILE": str(self.authority),
            "NODE_EXTRA_CA_CERTS": str(self.authority),
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_EC2_METADATA_DISABLED": "true",
            # Nor by whatever profiles there are, nor through a proxy.
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "NO_PROXY": _direct(),
            "no_proxy": _direct(),
        }

    def client(self, service: str) -> Any:
        """Return the administrator's client of a service, by boto3's name of it."""
        return _session().client(
            service,
            endpoint_url=self.endpoint,
            verify=str(self.authority),
            region_name=self.region,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            config=Config(retries={"mode": "standard", "total_max_attempts": 4}, proxies={}),
        )

    def save(self) -> None:
        """Write ``world.json`` into the folder, for whoever else comes to look."""
        write_json(self.folder / _FILE, {key: str(value) for key, value in asdict(self).items()})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what ``save`` wrote."""
        kept = json.loads((folder / _FILE).read_text(encoding="utf-8"))
        return cls(
            **{
                **kept,
                "folder": Path(kept["folder"]),
                "authority": Path(kept["authority"]),
                "speed": float(kept["speed"]),
            }
        )


@cache
def _session() -> boto3.Session:
    """Return a session in which no profile of the user has a say, not even one that is missing."""
    session = botocore.session.get_session()
    store = session.get_component("config_store")
    store.set_config_provider("profile", ConstantProvider(None))
    store.set_config_provider("config_file", ConstantProvider(os.devnull))
    store.set_config_provider("credentials_file", ConstantProvider(os.devnull))
    return boto3.Session(botocore_session=session)


def _direct() -> str:
    """Return what is reached without the user's proxy, if there is one: this machine, too."""
    already = os.environ.get("no_proxy") or os.environ.get("NO_PROXY")
    return f"{already},127.0.0.1" if already else "127.0.0.1"


def inherited() -> dict[str, str]:
    """Return this process's variables without any that would lead a subprocess to a real AWS."""
    return {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
