"""The emulator's own front door, for what it does as a role: signed, over TLS and checked by IAM, as from outside."""

import threading
from functools import cached_property
from typing import Any, Final

from botocore.config import Config

from rehearsal.emulator.parameters import SESSION
from rehearsal.emulator.roles import Credentials
from rehearsal.emulator.settings import Settings

# Making clients of a session is not for several threads at once.
_MAKING: Final = threading.Lock()


class Front:
    """Clients of this very emulator. They may not be used on its event loop: it would wait for itself."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @property
    def place(self) -> dict[str, str]:
        """The variables by which a subprocess finds this emulator; credentials are not among them."""
        authority = self._authority
        return {
            "AWS_ENDPOINT_URL": f"https://127.0.0.1:{self._settings.port}",
            "AWS_CA_BUNDLE": authority,
            "SSL_CERT_FILE": authority,
            "AWS_REGION": self._settings.region,
            "AWS_DEFAULT_REGION": self._settings.region,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def client(self, service: str, credentials: Credentials, *, attempts: int = 1) -> Any:
        """Return a client of a service, by botocore's name of it, that tries a call ``attempts`` times."""
        with _MAKING:
            return SESSION.create_client(
                service,
                region_name=self._settings.region,
                endpoint_url=f"https://127.0.0.1:{self._settings.port}",
                verify=self._authority,
                aws_access_key_id=credentials.access_key,
                aws_secret_access_key=credentials.secret_key,
                aws_session_token=credentials.token,
                config=Config(
                    retries={"mode": "standard", "total_max_attempts": attempts},
                    # A function may take its 15 minutes.
                    read_timeout=960,
                    max_pool_connections=16,
                    s3={"addressing_style": "path"},
                ),
            )

    @cached_property
    def _authority(self) -> str:
        # Asked once: it starts a process to look at the certificate.
        from ministack.core.tls import resolve_tls_material

        certificate, _ = resolve_tls_material()
        return str(certificate)
