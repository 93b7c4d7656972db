"""Who is let in: nobody without credentials that were issued.

As it comes, ministack takes the key ``test``, any account's number and a missing key for the account's root, and does
not check their signature. Here the root is only who has this process's own key.
"""

import os

from ministack.core import iam_evaluator
from ministack.services import sts

from rehearsal.emulator.settings import Settings


def install(settings: Settings) -> None:  # noqa: ARG001  every plug-in's signature
    """Let only the key of this process's environment be the root's."""
    iam_evaluator.is_root_access_key = _is_root
    sts.is_root_access_key = _is_root


def _is_root(access_key_id: str) -> bool:
    return bool(access_key_id) and access_key_id == os.environ["AWS_ACCESS_KEY_ID"]
