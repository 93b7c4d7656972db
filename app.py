"""The CDK app: one environment (`-c environment=dev`, the default) or all of them and their delivery (`=all`)."""

import sys

from config.document import ConfigError
from stacks.assembly import build_app

if __name__ == "__main__":
    try:
        build_app().synth()
    except ConfigError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
