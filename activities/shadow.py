"""Activities of shadow runs. None of them can change anything outside: what has an effect is not in here."""

from collections.abc import Iterable
from typing import Any

from activities.catalogue import handlers_of, task
from activities.ports import RolloutStore
from domain.errors import NotPermitted
from domain.handlers import Effect
from domain.shadow import ShadowReport
from domain.steps import StepInput, StepOutput


class ShadowHandlers:
    """The handlers of one queue, as far as they change nothing outside."""

    def __init__(self, owners: Iterable[object]) -> None:
        """`owners` are the objects whose methods serve the queue.

        Of their handlers only those without effect are kept, and those that some inputs make harmless.
        """
        self._calls: dict[str, Any] = {}
        self._specs = {}
        for owner in owners:
            for name, spec in handlers_of([owner]).items():
                if spec.effect is Effect.NONE or spec.harmless_when:
                    self._specs[name] = spec
                    self._calls[name] = getattr(owner, name)

    @task
    def call_without_effect(self, step: StepInput) -> StepOutput:
        """Runs the handler of a step. Raises `NotPermitted` when it could change something outside."""
        spec = self._specs.get(step.handler)
        if spec is None or spec.called_with(step.inputs).effect is not Effect.NONE:
            raise NotPermitted(
                f"{step.handler} could change something outside: a shadow run does not call it"
            )
        output: StepOutput = self._calls[step.handler](step)
        return output


class ShadowRecords:
    """Keeps what shadow runs found."""

    def __init__(self, store: RolloutStore) -> None:
        self._store = store

    @task
    def record_shadow(self, report: ShadowReport) -> None:
        """Writes the report of one shadow run; the same again changes nothing."""
        self._store.record_shadow(report)
