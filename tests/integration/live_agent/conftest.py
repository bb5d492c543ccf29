"""Real stores for the agent: the same as for the adapters."""

from tests.integration.adapters.conftest import (  # noqa: F401  fixtures
    bucket,
    credentials,
    folder_store,
    moto_url,
    s3_store,
    store,
)
