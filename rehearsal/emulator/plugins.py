"""What is added to the emulator: each module's ``install`` is called once, before the first request."""

import importlib
from typing import Final

from rehearsal.emulator.settings import Settings

# In this order.
PLUGINS: Final[tuple[str, ...]] = (
    "fidelity",
    "identities",
    "runtimes",
    "machine_images",
    "clock",
    "alarms",
    "eks",
    "node_groups",
    "sagemaker",
    "functions",
    "machines",
    "conditions",
    "keys",
    "emf",
    "machine_metrics",
    "control",
    "decisions",
    "schedules",
    "events",
    "faults",
    "cloudformation",
)


def install_all(settings: Settings) -> None:
    """Install every plug-in."""
    for name in PLUGINS:
        importlib.import_module(f"rehearsal.emulator.{name}").install(settings)
