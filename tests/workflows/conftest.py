"""One Temporal dev server with a virtual clock for each workflow, for all tests of this folder."""

from collections.abc import AsyncIterator

import pytest
from temporalio.testing import WorkflowEnvironment

from tests.support.virtual_time import virtual_time


@pytest.fixture(scope="session")
async def env() -> AsyncIterator[WorkflowEnvironment]:
    async with virtual_time() as environment:
        yield environment
