"""The outside of the night: the sources that hand tickets in, and the people who answer reviews.

Both work through the API, each as the principal that they are.
"""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from domain.people import Directory
from domain.review import ReviewRequest, Verb
from workers.demo.api import Api, Refused
from workers.demo.changes import Changes
from workers.demo.chronicle import Chronicle
from workers.demo.clock import NightClock
from workers.demo.script import Part, Script
from workers.demo.script_files import Answer, OutsideNews

INTAKE: Final = "intake"
_GLANCE_S: Final = 0.3
"""How often the staff look at the queue of reviews, in real seconds."""
_TAKEN_ELSEWHERE: Final = frozenset({"late", "content_changed", "not_found"})


@dataclass
class Intake:
    """Hands the tickets in at their times, and keeps what was acknowledged."""

    api: Api
    clock: NightClock
    chronicle: Chronicle
    acknowledged: dict[str, Part] = field(default_factory=dict)
    """Ticket id to part: the API said 202, so nothing may be lost from then on."""
    repeats: int = 0
    """How many were handed in a second time and recognised."""

    async def run(self, script: Script, changes: Changes) -> None:
        """Returns when every ticket has been handed in, and told what it waits for."""
        async with asyncio.TaskGroup() as tasks:
            for part in script.parts:
                tasks.create_task(self._hand_in(part, changes))

    async def _hand_in(self, part: Part, changes: Changes) -> None:
        await self.clock.until(part.at)
        if part.scene:
            await changes.after(part.scene)
        body = part.request.model_dump(mode="json", exclude_defaults=True)
        receipt = await self.api.post(INTAKE, "/tickets", body)
        self.acknowledged[receipt["task_id"]] = part
        if part.scene:
            await changes.tell_version(part)
        handed_in_at = self.clock.now()
        for number, event in enumerate(part.events, start=1):
            await self.clock.until(handed_in_at + event.after)
            await self._tell_ticket(part, number, event)
        if part.again_at is None:
            return
        await self.clock.until(part.again_at)
        again = await self.api.post(INTAKE, "/tickets", body)
        if again["repeated"] and again["task_id"] == receipt["task_id"]:
            self.repeats += 1
            self.chronicle.tell(
                self.clock.now(), "handed in again by its source: the same ticket", part.label
            )

    async def _tell_ticket(self, part: Part, number: int, event: OutsideNews) -> None:
        body = {"name": event.name, "event_id": f"{part.request.external_id}-{number}", "data": event.data}
        await self.api.post(INTAKE, f"/tickets/{part.task_id}/events", body)


class Staff:
    """Scripted people at the API: they look at the queue and decide what is theirs when it is due."""

    def __init__(
        self, api: Api, clock: NightClock, chronicle: Chronicle, script: Script, directory: Directory
    ) -> None:
        self._api = api
        self._clock = clock
        self._chronicle = chronicle
        self._script = script
        self._parts = {part.task_id: part for part in script.parts}
        self._watcher = directory.on_call[0]
        self._done: set[tuple[str, str]] = set()
        """Review and person."""

    async def run(self) -> None:
        """Works until cancelled."""
        while True:
            for review, digest in await self.queue():
                answer = self._answer_to(review)
                if answer is not None and self._is_due(answer, review):
                    await self._decide(review, digest, answer)
            await asyncio.sleep(_GLANCE_S)

    async def queue(self) -> list[tuple[ReviewRequest, str]]:
        """The reviews that wait, each with the digest of what is shown."""
        listed = await self._api.get(self._watcher, "/reviews")
        return [(ReviewRequest.model_validate(each["review"]), each["digest"]) for each in listed["reviews"]]

    async def decide_for_the_visitor(self) -> None:
        """Answers what was left to the visitor, as the script says."""
        for review, digest in await self.queue():
            part = self._parts.get(review.task_id)
            answer = self._scripted(review) if part is not None and part.visitor else None
            if answer is not None:
                await self._decide(review, digest, answer)

    def _answer_to(self, review: ReviewRequest) -> Answer | None:
        """The next answer to this review: with a quorum, each person's in turn."""
        part = self._parts.get(review.task_id)
        scripted = None if part is None or part.visitor else self._scripted(review)
        if scripted is None:
            return None
        people = (scripted.by, *scripted.others)
        turn = next((each for each in people if (review.review_id, each) not in self._done), None)
        return None if turn is None else scripted.model_copy(update={"by": turn})

    def _scripted(self, review: ReviewRequest) -> Answer | None:
        """The answer to the n-th review of its ticket; its id begins with `R<n>-`."""
        answers = self._parts[review.task_id].answers
        place = int(review.review_id[1:].partition("-")[0])
        return answers[place - 1] if place <= len(answers) else None

    def _is_due(self, answer: Answer, review: ReviewRequest) -> bool:
        return self._clock.now() >= self._due(answer, review)

    def _due(self, answer: Answer, review: ReviewRequest) -> datetime:
        if answer.at is not None:
            return self._script.night.at(answer.at)
        assert answer.after is not None  # noqa: S101 - the model holds one of the two
        return review.opened_at + answer.after

    async def _decide(self, review: ReviewRequest, digest: str, answer: Answer) -> None:
        body: dict[str, Any] = {
            "verb": answer.verb.value,
            "reason": answer.reason,
            "digest": digest,
            "form": answer.form,
        }
        if review.choices and answer.verb is Verb.APPROVE:
            body["choice"] = review.choices[0]
        try:
            await self._api.post(answer.by, f"/reviews/{review.review_id}/decision", body)
        except Refused as refusal:
            if refusal.refusal in _TAKEN_ELSEWHERE:
                return
            label = self._parts[review.task_id].label
            self._chronicle.tell(self._clock.now(), f"{answer.by} was refused: {refusal}", label)
        self._done.add((review.review_id, answer.by))
