"""Which configuration a command works on: `--config`, else `./crossover.yaml`, else `$CROSSOVER_CONFIG`."""

from __future__ import annotations

import os
from pathlib import Path

from models.errors import ConfigError

DEFAULT = "crossover.yaml"
VARIABLE = "CROSSOVER_CONFIG"


def config_file(given: Path | None) -> Path:
    """The file's absolute path. Raises ConfigError where there is none."""
    named = os.environ.get(VARIABLE)
    candidates = [given] if given else [Path(DEFAULT), *([Path(named)] if named else [])]
    for candidate in candidates:
        if candidate.is_file():
            return candidate.resolve()
    raise ConfigError(
        "no configuration",
        where=", ".join(str(candidate) for candidate in candidates),
        expected=f"a file given by --config, or ./{DEFAULT}, or ${VARIABLE}",
        todo="`crossover demo` writes a sample company to start from",
    )
