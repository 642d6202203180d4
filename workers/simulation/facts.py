"""What happened in a simulated run, in the terms of case files."""

from functools import cached_property
from typing import Any

from domain.ticket import EventKind, TicketEvent
from workers.simulation.run import Played


class Facts:
    """Reads a run's timeline and records. Steps are named by their keys within the SOP."""

    def __init__(self, played: Played) -> None:
        self._played = played

    @cached_property
    def steps(self) -> tuple[str, ...]:
        """Steps that ran, in the order in which they began."""
        return tuple(dict.fromkeys(self._keys(EventKind.STEP_STARTED)))

    @cached_property
    def ran(self) -> frozenset[str]:
        """Every step that began, every handler that was called, everything that a person was asked."""
        steps = {step.id: step for step in self._all_steps()}
        begun = [steps[last] for each in self.steps if (last := each.rpartition(".")[2]) in steps]
        return frozenset(
            {*self.steps}
            | {step.handler for step in begun if step.handler}
            | {each.handler for each in self._played.record.attempts}
            | {str(each["step_id"]) for each in self.asked}
        )

    @cached_property
    def outcomes(self) -> dict[str, str]:
        """What each step came to; `failed` and `skipped` for those that came to nothing."""
        found: dict[str, str] = {}
        for event in self._played.events:
            key = self._key(event)
            match event.kind:
                case EventKind.STEP_DONE | EventKind.STEP_NOT_NEEDED:
                    found[key] = str(event.data.get("outcome", ""))
                case EventKind.STEP_FAILED:
                    found[key] = "failed"
                case EventKind.STEP_SKIPPED:
                    found[key] = "skipped"
                case _:
                    pass
        return found

    @cached_property
    def failures(self) -> dict[str, set[str]]:
        """Error codes with which steps failed."""
        found: dict[str, set[str]] = {}
        for event in self._played.events:
            if event.kind is EventKind.STEP_FAILED:
                found.setdefault(self._key(event), set()).add(str(event.data.get("code", "")))
        return found

    @cached_property
    def effects(self) -> tuple[str, ...]:
        """Handlers that changed something outside, in their order."""
        return tuple(each.effect for each in self._played.record.attempts if each.effect)

    @cached_property
    def undone(self) -> tuple[str, ...]:
        """Steps that were compensated, in the order in which they were."""
        return tuple(self._keys(EventKind.COMPENSATED))

    @cached_property
    def alerts(self) -> tuple[str, ...]:
        """Levels of the alerts, in their order."""
        return tuple(each.level for each in self._played.record.alerts)

    @cached_property
    def asked(self) -> tuple[dict[str, Any], ...]:
        """The questions, each once, in their order: the review as the timeline keeps it."""
        found: dict[str, dict[str, Any]] = {}
        for event in self._played.events:
            if event.kind is EventKind.REVIEW_OPENED:
                review = event.data["review"]
                step = self._played.own(review["step_id"])
                found.setdefault(review["review_id"], {**review, "step_id": step})
        return tuple(found.values())

    @cached_property
    def refused(self) -> frozenset[str]:
        """Steps at which a person said no."""
        return frozenset(
            self._key(event)
            for event in self._played.events
            if event.kind is EventKind.REVIEW_DECIDED and event.data.get("verb") == "reject"
        )

    def _keys(self, kind: EventKind) -> list[str]:
        return [self._key(event) for event in self._played.events if event.kind is kind]

    def _key(self, event: TicketEvent) -> str:
        return self._played.own(event.step_id)

    def _all_steps(self) -> list[Any]:
        return [step for _, step in self._played.play.steps]
