"""Resource types of CloudFormation that the emulator lacks, and an account of those it has."""

from rehearsal.emulator.cloudformation import accepted, amended, backed, buckets, judged, prompt, types, watched
from rehearsal.emulator.settings import Settings


def install(settings: Settings) -> None:
    """Add the types; then watch what every type reads of a template."""
    backed.register(types.TYPES, settings)
    accepted.install()
    amended.install()
    buckets.install()
    judged.install()
    watched.install()
    prompt.install()
