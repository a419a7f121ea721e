"""What a store's refusal means to the person who has to lift it, and which failures pass by themselves.

Nothing of a refusal is repeated but its code, its HTTP status and the region or the action that it names: the rest may hold names of people,
parts of keys and signed addresses. Codes: Amazon S3's list of error responses, which MinIO, Ceph, Cloudflare R2 and Google Cloud Storage follow.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from botocore import exceptions as boto
from botocore.parsers import ResponseParserError
from urllib3.exceptions import HTTPError

from models.errors import SourceUnreachable

LIST, GET = "s3:ListBucket", "s3:GetObject"

_THROTTLED = ("SlowDown", "Throttling", "ThrottlingException", "TooManyRequests", "TooManyRequestsException", "RequestLimitExceeded")
_PASSING = (*_THROTTLED, "RequestTimeout", "InternalError", "ServiceUnavailable", "OperationAborted")
_LASTING = ("NotImplemented",)
_WRONG_KEY = ("InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidSecurity", "InvalidClientTokenId", "UnrecognizedClientException", "Unauthorized")
_EXPIRED = ("ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "InvalidToken", "RequestExpired")
_ELSEWHERE = ("PermanentRedirect", "TemporaryRedirect", "Redirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException")
_NO_CREDENTIALS = (
    *(boto.NoCredentialsError, boto.PartialCredentialsError, boto.CredentialRetrievalError, boto.MetadataRetrievalError),
    *(boto.TokenRetrievalError, boto.NoAuthTokenError, boto.SSOError, boto.LoginError, boto.UnknownCredentialError),
    *(boto.RefreshWithMFAUnsupportedError, boto.InvalidConfigError),
)
_S3_OPERATIONS = ("ListObjectsV2", "GetObject", "HeadObject", "HeadBucket")
_ACTION = re.compile(r"not authorized to perform: ([a-z0-9-]+:[A-Za-z]+)")
_REGION = re.compile(r"[a-z0-9-]{1,40}")


class CutOff(Exception):
    """An answer ended before it was whole."""


def is_passing(error: BaseException) -> bool:
    """Whether the same request may succeed a moment later."""
    if isinstance(error, boto.ClientError):
        code, status = _code(error), status_of(error)
        return code not in _LASTING and (code in _PASSING or status == 429 or status >= 500)
    if isinstance(error, boto.SSLError):
        return False
    # urllib3's own errors come through where botocore does not wrap them: TLS that breaks within a body.
    return isinstance(error, (CutOff, boto.ConnectionError, boto.HTTPClientError, boto.IncompleteReadError, ResponseParserError, HTTPError))


def status_of(error: boto.ClientError) -> int:
    """The HTTP status of a refusal, 0 where there was none."""
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") or 0)


def unreachable(error: Exception, where: str, action: str, resource: str, endpoint: str) -> SourceUnreachable:
    """The refusal as one that a person can act on. `action` is the permission that the request needs on `resource`."""
    if isinstance(error, boto.ClientError):
        return _refused(error, where, action, resource)
    if isinstance(error, _NO_CREDENTIALS):
        return SourceUnreachable(
            "There are no usable credentials for object storage.",
            where=where,
            found=type(error).__name__,
            expected="credentials in the environment, in ~/.aws, from single sign-on, or of the machine's role",
            todo="Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, sign in again, or name a profile (`aws sts get-caller-identity` tests it).",
        )
    if isinstance(error, boto.SSLError):
        return SourceUnreachable(
            "The store's certificate is not trusted.",
            where=where,
            found=f"a failed TLS handshake with {endpoint}",
            todo="Set AWS_CA_BUNDLE to the file of your authority's certificates, or correct endpoint_url.",
        )
    if isinstance(error, (CutOff, boto.IncompleteReadError, ResponseParserError, boto.ResponseStreamingError)):
        return SourceUnreachable(
            "The store's answers break off, or are not those of object storage.",
            where=where,
            found=f"{type(error).__name__} from {endpoint}, again and again",
            todo="Check the network and any proxy between, and that endpoint_url is the address of the S3 interface; then run again.",
        )
    if isinstance(error, (boto.ConnectionError, boto.HTTPClientError, HTTPError)):
        return SourceUnreachable(
            "The store can't be reached.",
            where=where,
            found=f"{type(error).__name__} from {endpoint}",
            todo="Check the network, endpoint_url and the region; then run again.",
        )
    return SourceUnreachable(
        "The request to object storage could not be made.",
        where=where,
        found=type(error).__name__,
        todo="Check the source's path, endpoint_url and profile, and the region and profile in ~/.aws/config.",
    )


def _refused(error: boto.ClientError, where: str, action: str, resource: str) -> SourceUnreachable:
    code, status = _code(error), status_of(error)
    found = f"{code} (HTTP {status})"
    if error.operation_name not in _S3_OPERATIONS:
        return SourceUnreachable(
            "The credentials for object storage could not be obtained.",
            where=where,
            found=f"{error.operation_name}: {found}",
            todo="Check the profile's role, that it trusts this user or machine, and that the session has not expired.",
        )
    if code in _EXPIRED:
        return SourceUnreachable(
            "The credentials for object storage have expired.", where=where, found=found, todo="Sign in again, or renew the session token."
        )
    if code in _WRONG_KEY or status == 401:
        return SourceUnreachable(
            "The store does not accept the credentials.",
            where=where,
            found=found,
            todo="Check the access key and its secret, that the key is active, and that it belongs to this store (endpoint_url, profile).",
        )
    if code == "RequestTimeTooSkewed":
        return SourceUnreachable("This machine's clock is wrong.", where=where, found=found, todo="Set its clock; signatures hold for minutes only.")
    if code == "NoSuchBucket" or (status == 404 and action == LIST):
        return SourceUnreachable(
            "There is no such bucket.", where=where, found=found, todo="Correct the bucket in the source's path, or the endpoint_url that has it."
        )
    if _is_elsewhere(error):
        return _elsewhere(error, where, found)
    if code == "InvalidObjectState":
        return SourceUnreachable(
            "The file is archived and can't be read.",
            where=where,
            found=f"{code}: a storage class such as Glacier",
            todo="Restore it, or exclude deliveries that are still needed from the bucket's lifecycle rule.",
        )
    if code == "NoSuchKey" or status == 404:
        return SourceUnreachable("The file is no longer there.", where=where, found=found, todo="Run again: what is there now will be listed anew.")
    if status == 403:
        return _forbidden(error, where, found, action, resource)
    if is_passing(error):
        return SourceUnreachable(
            "The store is out of order or asks to slow down.", where=where, found=f"{found}, again and again", todo="Run again later."
        )
    return SourceUnreachable(
        "The store refuses the request.",
        where=where,
        found=found,
        todo="Look the code up with the store's provider; check the path and endpoint_url.",
    )


def _forbidden(error: boto.ClientError, where: str, found: str, action: str, resource: str) -> SourceUnreachable:
    named = _ACTION.search(str(_details(error).get("Message") or ""))
    needed = named[1] if named else action
    key_hint = " For files encrypted with a KMS key, allow kms:Decrypt on that key too." if action == GET and not needed.startswith("kms:") else ""
    target = "the KMS key that the files are encrypted with" if needed.startswith("kms:") else resource
    return SourceUnreachable(
        f"The credentials lack a permission: {needed}.",
        where=where,
        found=found,
        expected=f"{needed} on {target}",
        todo=f"Allow {needed} for the user or role that runs Crossover, and check the bucket's own policy.{key_hint}",
    )


def _elsewhere(error: boto.ClientError, where: str, found: str) -> SourceUnreachable:
    region = _other_region(error)
    return SourceUnreachable(
        "The bucket lies in another region.",
        where=where,
        found=found,
        expected=f"requests to region {region}" if region else None,
        todo=f"Set {f'the region {region}' if region else 'the right region'}: AWS_DEFAULT_REGION, or `region` of the profile. "
        "With an endpoint_url, check that and the access key: they must be of one store.",
    )


def _other_region(error: boto.ClientError) -> str | None:
    """The region that a redirect names; what does not look like one is not repeated."""
    region = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("x-amz-bucket-region") or _details(error).get("Region")
    return region if isinstance(region, str) and _REGION.fullmatch(region) else None


def _is_elsewhere(error: boto.ClientError) -> bool:
    """A HEAD in the wrong region gets no more than 400 and the right region."""
    code = _code(error)
    return code in _ELSEWHERE or status_of(error) in (301, 302, 307) or (code == "400" and _other_region(error) is not None)


def _details(error: boto.ClientError) -> Mapping[str, Any]:
    details: Mapping[str, Any] = error.response.get("Error", {})
    return details


def _code(error: boto.ClientError) -> str:
    """The error's code; the answer to a HEAD has none, and botocore gives its status instead."""
    code = str(_details(error).get("Code") or "no code")
    return code if re.fullmatch(r"[A-Za-z0-9._ -]{1,80}", code) else "an unknown code"
