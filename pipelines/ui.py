"""`crossover ui`: Dagster's own web server and daemon on the company's configuration and storage."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from models.config import Company
from pipelines.config_file import VARIABLE
from pipelines.execution import dagster_home


def serve(company: Company, file: Path, port: int) -> int:
    """Serve on 127.0.0.1 until interrupted; returns the server's exit code."""
    environment = os.environ | {VARIABLE: str(file), "DAGSTER_HOME": str(dagster_home(company)), "DAGSTER_DISABLE_TELEMETRY": "1"}
    command = [sys.executable, "-W", "ignore", "-m", "dagster", "dev", "-m", "pipelines.definitions", "-h", "127.0.0.1", "-p", str(port)]
    sys.stderr.write(f"Dagster's UI: http://127.0.0.1:{port} (Ctrl-C stops it)\n")
    # the configuration's folder, so that ./crossover.yaml is the one that was asked for
    return subprocess.run(command, env=environment, cwd=file.parent, check=False).returncode
