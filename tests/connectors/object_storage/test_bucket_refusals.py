"""Each way in which a store refuses says what is wrong and what to do, and tells no secret."""

from __future__ import annotations

import json
import re
import socket
from pathlib import Path

import boto3
import httpx
import pytest
from fault_proxy import error

from connectors.object_storage.download import Patience
from models.errors import SourceUnreachable

SECRETS = ("not-a-secret", "AKIA", "alice", "Signature=")


def refusal(request) -> str:
    """The text of a refusal, checked to name the source, to say what to do, and to tell nothing."""
    with pytest.raises(SourceUnreachable) as refused:
        request()
    assert refused.value.todo
    assert "source bill" in str(refused.value)
    assert not [secret for secret in SECRETS if secret in str(refused.value)]
    return str(refused.value)


def test_no_credentials(bucket, monkeypatch, proxy):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    text = refusal(bucket("d").list)
    assert text.startswith("There are no usable credentials")
    assert "AWS_ACCESS_KEY_ID" in text
    assert proxy.asked == []


def test_half_of_the_credentials(bucket, monkeypatch):
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    assert refusal(bucket("d").list).startswith("There are no usable credentials")


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (error(403, "InvalidAccessKeyId", more="<AWSAccessKeyId>AKIATEST</AWSAccessKeyId>"), "The store does not accept the credentials"),
        (error(403, "SignatureDoesNotMatch", more="<StringToSign>AWS4 alice</StringToSign>"), "The store does not accept the credentials"),
        (error(401, "Unauthorized"), "The store does not accept the credentials"),
        (error(400, "ExpiredToken"), "The credentials for object storage have expired"),
        (error(400, "InvalidToken"), "The credentials for object storage have expired"),
        (error(403, "RequestTimeTooSkewed"), "This machine's clock is wrong"),
        (error(404, "NoSuchBucket", more="<BucketName>finance-exports</BucketName>"), "There is no such bucket"),
        (error(404), "There is no such bucket"),
        (error(400, "InvalidArgument"), "The store refuses the request"),
        (error(501, "NotImplemented"), "The store refuses the request"),
        (error(200), "The store's answers break off, or are not those of object storage"),
    ],
)
def test_a_refused_listing(fault, expected, bucket, proxy):
    proxy.on("GET", "list-type=2", fault, times=99)
    assert refusal(bucket("d").list).startswith(expected)
    assert len(proxy.asked) <= 6


def test_a_lasting_refusal_is_not_asked_for_again(bucket, proxy):
    proxy.on("GET", "list-type=2", error(403, "AccessDenied"), times=99)
    text = refusal(bucket("d").list)
    assert text.startswith("The credentials lack a permission: s3:ListBucket.")
    assert "expected: s3:ListBucket on finance-exports\n" in text
    assert len(proxy.asked) == 1


def test_no_permission_to_read(bucket, put, proxy, tmp_path):
    put("d/a.csv")
    store = bucket("d")
    (file,) = store.list().offered
    proxy.on("GET", "a.csv", error(403, "AccessDenied"), times=99)
    text = refusal(lambda: store.fetch(file, tmp_path / "target"))
    assert text.startswith("The credentials lack a permission: s3:GetObject.")
    assert "expected: s3:GetObject on finance-exports/d/*\n" in text
    assert "kms:Decrypt" in text


def test_no_permission_to_decrypt(bucket, put, proxy):
    put("d/a.csv")
    store = bucket("d")
    (file,) = store.list().offered
    message = "User: arn:aws:iam::1:user/alice is not authorized to perform: kms:Decrypt on the resource associated with this ciphertext"
    proxy.on("GET", "a.csv", error(403, "AccessDenied", message=message))
    text = refusal(lambda: store.read(file))
    assert text.startswith("The credentials lack a permission: kms:Decrypt.")


def test_an_archived_file(bucket, put, proxy):
    put("d/a.csv")
    store = bucket("d")
    (file,) = store.list().offered
    proxy.on("GET", "a.csv", error(403, "InvalidObjectState", more="<StorageClass>GLACIER</StorageClass>"))
    assert refusal(lambda: store.read(file)).startswith("The file is archived")


@pytest.mark.parametrize(
    "fault",
    [
        error(301, "PermanentRedirect", x_amz_bucket_region="eu-west-1"),
        error(301, x_amz_bucket_region="eu-west-1"),
        error(400, "AuthorizationHeaderMalformed", more="<Region>eu-west-1</Region>"),
        error(400, "IllegalLocationConstraintException", x_amz_bucket_region="eu-west-1"),
    ],
)
def test_another_region_is_named(fault, bucket, proxy):
    proxy.on("GET", "list-type=2", fault, times=99)
    text = refusal(bucket("d").list)
    assert text.startswith("The bucket lies in another region.")
    assert "Set the region eu-west-1: AWS_DEFAULT_REGION" in text
    assert len(proxy.asked) == 2


def test_another_region_is_followed_where_that_helps(bucket, put, proxy):
    put("d/a.csv")
    proxy.on("GET", "list-type=2", error(301, "PermanentRedirect", x_amz_bucket_region="eu-west-1"))
    assert [file.name for file in bucket("d").list().offered] == ["a.csv"]
    assert "/eu-west-1/s3/" in proxy.asked[-1].headers["authorization"]


@pytest.mark.parametrize("status", [301, 403], ids=["redirected for ever", "the region is kept secret"])
def test_a_redirect_to_nowhere(bucket, proxy, status):
    proxy.on("GET", "list-type=2", error(301, "PermanentRedirect"), times=10_000)
    proxy.on("HEAD", "", error(status), times=10_000)
    assert "Set the right region: AWS_DEFAULT_REGION" in refusal(bucket("d").list)


def test_an_endpoint_where_nobody_listens(bucket):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        text = refusal(bucket("d", endpoint_url=f"http://127.0.0.1:{port}").list)
    assert text.startswith("The store can't be reached.")
    assert f"EndpointConnectionError from 127.0.0.1:{port}" in text


def test_an_endpoint_that_never_answers(bucket):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        quick = Patience(attempts_max=2, wait_first_s=0, wait_max_s=0, read_timeout_s=0.1)
        text = refusal(bucket("d", endpoint_url=f"http://127.0.0.1:{silent.getsockname()[1]}", patience=quick).list)
    assert "ReadTimeoutError" in text


def test_a_profile_that_is_not_there(bucket):
    assert "found:    profile finance" in refusal(bucket("d", profile="finance").list)


def test_a_profile_gives_its_own_credentials(bucket, put, proxy, monkeypatch, tmp_path):
    put("d/a.csv")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    (tmp_path / "aws-credentials").write_text("[finance]\naws_access_key_id = AKIAFINANCE\naws_secret_access_key = x\n")
    assert bucket("d", profile="finance").list().offered
    assert "Credential=AKIAFINANCE/" in proxy.asked[0].headers["authorization"]


@pytest.mark.parametrize(
    "url",
    [
        *("s3://", "s3:///d", "s3://a", "finance-exports/d", "https://b.s3.amazonaws.com/d?X-Amz-Signature=123", "S3://finance-exports/d"),
        *("s3://AKIA:not-a-secret@finance-exports/d", "s3://finance-exports/d?X-Amz-Credential=AKIA", "s3://b c/d"),
    ],
)
def test_an_address_that_is_none_is_not_repeated(url, bucket):
    assert refusal(bucket(url=url).list).startswith("This is no address of object storage.")


def test_an_endpoint_that_is_no_address(bucket):
    assert refusal(bucket("d", endpoint_url="minio").list).startswith("The endpoint is no address.")


@pytest.fixture
def allowed(moto_server, s3, monkeypatch):
    """Makes the server check signatures and permissions, and gives the environment the key of a user who is allowed this much."""
    url = "http://{}:{}".format(*moto_server)

    def as_user(policy: dict[str, object]) -> None:
        iam = boto3.client("iam", endpoint_url=url)
        iam.create_user(UserName="crossover")
        iam.put_user_policy(UserName="crossover", PolicyName="read", PolicyDocument=json.dumps(policy))
        key = iam.create_access_key(UserName="crossover")["AccessKey"]
        iam.close()
        httpx.post(f"{url}/moto-api/reset-auth", content=b"0", trust_env=False).raise_for_status()
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", key["AccessKeyId"])
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", key["SecretAccessKey"])

    yield as_user
    httpx.post(f"{url}/moto-api/reset-auth", content=b"inf", trust_env=False).raise_for_status()


def documented_policy() -> dict[str, object]:
    """The policy in the connector's README, which names the bucket and the prefix of its example."""
    readme = Path(__file__).parents[3] / "connectors/object_storage/README.md"
    (block,) = re.findall(r"```json\n(.*?)```", readme.read_text(encoding="utf-8"), re.DOTALL)
    policy: dict[str, object] = json.loads(block)
    return policy


def test_the_documented_policy_is_enough(allowed, put, bucket, moto_server, tmp_path):
    put("exports/a.csv", b"money")
    allowed(documented_policy())
    store = bucket("exports", endpoint_url="http://{}:{}".format(*moto_server))
    (file,) = store.list().offered
    assert store.read(file) == b"money"


def test_without_either_permission_of_the_policy_it_is_named(allowed, put, bucket, moto_server):
    put("exports/a.csv", b"money")
    policy = documented_policy()
    policy["Statement"] = [statement for statement in policy["Statement"] if statement["Action"] != "s3:GetObject"]
    allowed(policy)
    store = bucket("exports", endpoint_url="http://{}:{}".format(*moto_server))
    (file,) = store.list().offered
    assert "s3:GetObject" in refusal(lambda: store.read(file))


def test_a_user_who_may_not_list(allowed, put, bucket, moto_server):
    policy = documented_policy()
    policy["Statement"] = [statement for statement in policy["Statement"] if statement["Action"] != "s3:ListBucket"]
    allowed(policy)
    assert "s3:ListBucket on finance-exports" in refusal(bucket("exports", endpoint_url="http://{}:{}".format(*moto_server)).list)
