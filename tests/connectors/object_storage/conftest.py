"""An S3 server over HTTP with one bucket, a proxy before it that breaks answers, and a store that asks quickly again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
from botocore.config import Config
from fault_proxy import FaultProxy, running_proxy
from moto.core import DEFAULT_ACCOUNT_ID
from moto.s3.models import s3_backends
from s3_server import running_s3, with_fake_credentials

from connectors.object_storage.bucket import Bucket
from connectors.object_storage.download import Patience

QUICK = Patience(wait_first_s=0.001, wait_max_s=0.002, connect_timeout_s=2, read_timeout_s=0.5)
BUCKET = "finance-exports"


@pytest.fixture(scope="session")
def moto_server() -> Iterator[tuple[str, int]]:
    with running_s3() as address:
        yield address


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with_fake_credentials(monkeypatch, tmp_path)


@pytest.fixture
def s3(moto_server: tuple[str, int], environment: None) -> Iterator[Any]:
    """A client to the server itself, whose bucket is empty."""
    url = "http://{}:{}".format(*moto_server)
    httpx.post(f"{url}/moto-api/reset", trust_env=False).raise_for_status()
    client = boto3.client("s3", endpoint_url=url, config=Config(s3={"addressing_style": "path"}))
    client.create_bucket(Bucket=BUCKET)
    yield client
    client.close()


@pytest.fixture
def put(s3: Any) -> Callable[..., str]:
    """Put an object and give its ETag."""
    return lambda key, body=b"a,b\n1,2\n", **more: s3.put_object(Bucket=BUCKET, Key=key, Body=body, **more)["ETag"].strip('"')


@pytest.fixture
def put_many(s3: Any) -> Callable[[list[str]], None]:
    """Put many empty objects straight into the server's memory."""
    backend = s3_backends[DEFAULT_ACCOUNT_ID]["aws"]

    def put_all(keys: list[str]) -> None:
        for key in keys:
            backend.put_object(BUCKET, key, b"")

    return put_all


@pytest.fixture
def proxy(moto_server: tuple[str, int], s3: Any) -> Iterator[FaultProxy]:
    with running_proxy(moto_server) as running:
        yield running


@pytest.fixture
def bucket(proxy: FaultProxy) -> Iterator[Callable[..., Bucket]]:
    """The store at a path of the bucket, behind the proxy."""
    opened: list[Bucket] = []

    def at(prefix: str = "", accepts: Callable[[str], str | None] = lambda name: None, **given: Any) -> Bucket:
        store = Bucket(
            given.pop("url", f"s3://{BUCKET}/{prefix}"),
            source_id="bill",
            endpoint_url=given.pop("endpoint_url", proxy.url),
            profile=given.pop("profile", None),
            accepts=accepts,
            patience=given.pop("patience", QUICK),
        )
        opened.append(store)
        return store

    yield at
    for store in opened:
        if client := vars(store).get("_client"):
            client.close()
