"""Where the promises of `evaluator.ports` meet real services, and how a store is named by one URL."""

from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from evaluator.errors import UsageFault
from evaluator.ports import ObjectStore

STORE_FORMS = "file:///absolute/folder, s3://bucket, s3://bucket/prefix or s3://bucket/prefix?endpoint=http://host:9000&region=name"
_S3_PARAMETERS = {"endpoint", "region"}


def store_from_url(url: str) -> ObjectStore:
    """The object store that the URL names; UsageFault naming the accepted forms for any other URL.

    Credentials have no place in it: they come from boto3's own chain (environment, profile, role of the machine).
    """
    parts = _split(url)
    if parts.scheme == "file":
        from evaluator.adapters.folder import FolderStore

        return FolderStore(_folder_path(parts))
    if parts.scheme == "s3":
        from evaluator.adapters.s3 import S3Store  # here, so that a folder store does not pay for importing boto3

        parameters = _s3_parameters(parts)
        return S3Store(
            parts.netloc,
            endpoint_url=parameters.get("endpoint"),
            region=parameters.get("region"),
            prefix=unquote(parts.path),
        )
    raise _fault("it starts with neither file:// nor s3://")


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        port = parts.port  # parsed only when asked for
    except ValueError:
        raise _fault("it is not a URL") from None
    if parts.username is not None or parts.password is not None or "@" in parts.netloc:
        raise _fault("it holds credentials; give those to boto3, for example as AWS_ACCESS_KEY_ID")
    if port is not None:
        raise _fault("it has a port; a bucket's server goes into ?endpoint=")
    if parts.fragment:
        raise _fault("it has a #fragment")
    return parts


def _folder_path(parts: SplitResult) -> Path:
    path = unquote(parts.path)
    if parts.netloc not in ("", "localhost") or not path.startswith("/") or "\x00" in path or parts.query:
        raise _fault("a folder is named by an absolute path after file://")
    return Path(path)


def _s3_parameters(parts: SplitResult) -> dict[str, str]:
    try:
        pairs = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query), max_num_fields=8)
    except ValueError:
        raise _fault("its parameters cannot be read") from None
    parameters = dict(pairs)
    # The names of unknown parameters are not repeated: somebody may have put a secret there.
    if len(parameters) != len(pairs) or not parameters.keys() <= _S3_PARAMETERS or not all(parameters.values()):
        raise _fault("its parameters are endpoint and region, each at most once and not empty")
    return parameters


def _fault(reason: str) -> UsageFault:
    return UsageFault(f"the store's URL cannot be used: {reason}. Accepted: {STORE_FORMS}")
