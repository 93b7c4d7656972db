"""Functions in Python run by this environment's interpreter, whose libraries take the place of their layers.

A layer holds wheels compiled for the runtime's own Python, which is another one than this.
"""

from ministack.core import lambda_runtime

from rehearsal.emulator import fidelity
from rehearsal.emulator.settings import Settings


def install(settings: Settings) -> None:  # noqa: ARG001  every plug-in's signature
    """Start functions in Python without their layers."""
    fidelity.emulated("AWS::Lambda::Function", "Python is this environment's; memory limits are not applied.")
    fidelity.accepted("AWS::Lambda::LayerVersion", "Functions in Python find the libraries of this environment.")
    spawn = lambda_runtime.Worker._spawn

    def spawn_without_layers(worker: lambda_runtime.Worker) -> None:
        if worker.config.get("Runtime", "").startswith("python"):
            worker.config = {**worker.config, "Layers": []}
        spawn(worker)

    lambda_runtime.Worker._spawn = spawn_without_layers
