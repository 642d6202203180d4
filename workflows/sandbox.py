"""Which code passes through the workflow sandbox, in one place for worker, replayer and tests.

The sandbox imports workflow code anew for every run and watches it for clocks, dice and files. Code that
passes through is imported once and not watched; ruff's banned APIs and `DTZ` rules guard it instead.
The modules of `workflows` that call Temporal or hold a run's state never pass through.
"""

from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

PASSED_THROUGH: dict[str, str] = {
    "domain": "pure functions and models; importing them for each run would cost most of a workflow task",
    "definitions": "the SOP's models only; the loader, which reads files, is not imported by workflows",
    "activities": "signatures of activities, called by reference; their bodies never run in a workflow",
    "workflows.contract": "models and names, without behaviour",
    "workflows.page_contract": "models and names, without behaviour",
    "workflows.options": "constants",
    "workflows.snapshot": "models without behaviour",
    "workflows.shadow_contract": "models without behaviour",
    "workflows.spot_check_contract": "models without behaviour",
    "workflows.payloads": "the payload format, which runs outside of workflows as well",
    "workflows.search_attributes": "constants",
    "workflows.interpreter": "knows nothing of Temporal or the outside; tested on a runtime without either",
}
"""Module → why it may. Measured in docs/decisions/0001-sandbox.md."""


def workflow_runner() -> SandboxedWorkflowRunner:
    """The sandbox that every worker and every replay uses."""
    return SandboxedWorkflowRunner(
        restrictions=SandboxRestrictions.default.with_passthrough_modules(*PASSED_THROUGH)
    )
