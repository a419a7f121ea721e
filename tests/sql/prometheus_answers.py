"""Answers of Prometheus as its HTTP API documents them, saved to files, and what is assembled from them.

Here: how samples become files and files become rows. Not here: any expectation. Times are minutes after 2026-07-01T10:00:00Z.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from connectors.assembly import LocalFile, Part
from connectors.prometheus.pages import assemble

T0 = int(datetime(2026, 7, 1, 10, tzinfo=UTC).timestamp())
PROMPT = "vllm:prompt_tokens_total"
SERVER = {"model_name": "llama", "namespace": "ml", "pod": "vllm-0", "instance": "10.0.0.1:8000", "job": "vllm"}
GPU = {"gpu": "0", "UUID": "GPU-aaaa", "modelName": "NVIDIA H100 80GB HBM3", "Hostname": "node-1", "device": "nvidia0"}

Result = dict[str, Any]


@dataclass(frozen=True)
class Source:
    id: str = "metrics"
    kind: str = "prometheus"
    path: str | None = "metrics"
    columns: Mapping[str, str] = ()  # type: ignore[assignment]
    constants: Mapping[str, object] = ()  # type: ignore[assignment]


def series(metric: str, samples: Mapping[float, object], labels: Mapping[str, str] = SERVER, **more: str) -> Result:
    """One series: minutes to values, which are texts in an answer."""
    values = [[T0 + 60 * minute, str(value)] for minute, value in samples.items()]
    return {"metric": {"__name__": metric, **labels, **more}, "values": values}


def gpu_series(metric: str, samples: Mapping[float, object], **more: str) -> Result:
    return series(metric, samples, GPU, **more)


def answer(*results: Result) -> dict[str, Any]:
    return {"status": "success", "data": {"resultType": "matrix", "result": list(results)}}


def save(folder: Path, files: Mapping[str, Any]) -> list[LocalFile]:
    """Save answers under these names; a list is the results of one."""
    saved = []
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        text = content if isinstance(content, str) else json.dumps(answer(*content) if isinstance(content, Sequence) else content)
        path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
        saved.append(LocalFile(name, path))
    return saved


def parts(folder: Path, files: Mapping[str, Any]) -> list[Part]:
    return list(assemble(Source(), save(folder, files), "source metrics"))


def rows(folder: Path, files: Mapping[str, Any]) -> list[dict[str, Any]]:
    """All rows, with the month of their part."""
    return [{**row, "month": f"{part.month:%Y-%m}"} for part in parts(folder, files) for row in part.rows.to_pylist()]


def increases(found: Sequence[Mapping[str, Any]]) -> dict[tuple[str, str], int]:
    """What counters rose by, by metric and hour (`01T10`), by hand: the SQL has its own tests."""
    sums: dict[tuple[str, str], int] = {}
    for row in found:
        if row.get("previous_value") is not None:
            now, before = int(float(row["value"])), int(float(row["previous_value"]))
            key = row["metric"], row["hour"][8:13]
            sums[key] = sums.get(key, 0) + (now - before if now >= before else now)
    return sums
