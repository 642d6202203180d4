"""What a timeline says of each step, before it is laid over a graph."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import pairwise
from typing import Any, Literal

from definitions.schema import LATE
from domain.review import ReviewKind
from domain.ticket import EventKind, TicketEvent

What = Literal[
    "began", "done", "failed", "skipped", "not_needed", "no", "asked", "retried", "undone", "stuck"
]

_WHAT: dict[EventKind, What] = {
    EventKind.STEP_STARTED: "began",
    EventKind.STEP_DONE: "done",
    EventKind.STEP_FAILED: "failed",
    EventKind.STEP_SKIPPED: "skipped",
    EventKind.STEP_NOT_NEEDED: "not_needed",
    EventKind.COMPENSATED: "undone",
    EventKind.COMPENSATION_FAILED: "stuck",
}


_SAID = {"approve": "approved"}


@dataclass(frozen=True)
class Mark:
    """One thing that happened to a step."""

    seq: int
    at: datetime
    what: What
    key: str
    """The step as the graph knows it: without the numbers of rounds."""
    place: str
    """The rounds and calls in which it happened: `book.3`."""
    word: str = ""
    """The outcome, or the error's code, or a person's choice."""
    review: str = ""
    """The kind of the review that was opened or decided."""
    by: str = ""


@dataclass
class Record:
    """All that happened at a node."""

    began_seq: int = 0
    began_at: datetime | None = None
    ended_at: datetime | None = None
    times: int = 0
    rounds: int = 0
    last: str = ""
    outcomes: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    people: list[str] = field(default_factory=list)
    unfinished: int = 0

    @property
    def touched(self) -> bool:
        """Whether the ticket came here at all."""
        return bool(self.last)

    @property
    def is_open(self) -> bool:
        """Whether something here has begun and is not over."""
        return self.unfinished > 0

    def begin(self, mark: Mark) -> None:
        """It begins, perhaps once more."""
        if not self.began_seq:
            self.began_seq, self.began_at = mark.seq, mark.at
        self.times += 1
        self.unfinished += 1
        self.last = "began"

    def begin_again(self) -> None:
        """An operator lets it be tried again."""
        self.unfinished += 1
        self.last = "began"

    def end(self, mark: Mark, last: str = "") -> None:
        """It is over, with an outcome."""
        self.last = last or mark.what
        self.ended_at = mark.at
        self.unfinished = max(0, self.unfinished - 1)
        if mark.word and self.last not in ("failed",):
            self.outcomes.append(mark.word)


@dataclass
class Timeline:
    """A ticket's timeline, step by step."""

    marks: dict[str, list[Mark]] = field(default_factory=dict)
    """For each key, in order."""
    places: dict[str, int] = field(default_factory=dict)
    """All rounds and calls that were begun, with the number of the first event in each."""
    closing: list[Mark] = field(default_factory=list)
    """Decisions on the finished ticket."""

    def of(self, key: str) -> list[Mark]:
        """What happened to a step."""
        return self.marks.get(key, [])


def read_timeline(events: Iterable[TicketEvent]) -> Timeline:
    """The marks of a timeline."""
    made = Timeline()
    reviews: dict[str, dict[str, Any]] = {}
    for event in events:
        mark = _read(event, reviews)
        if mark is None:
            continue
        if mark.review == ReviewKind.CLOSING:
            made.closing.append(mark)
            continue
        marks = made.marks.setdefault(mark.key, [])
        if mark.what == "failed" and not any(each.place == mark.place for each in marks):
            # It failed before it could begin, as one does whose condition cannot be evaluated.
            marks.append(replace(mark, what="began", word=""))
        marks.append(mark)
        made.places.setdefault(mark.place, mark.seq)
    return made


def _read(event: TicketEvent, reviews: dict[str, dict[str, Any]]) -> Mark | None:
    data: dict[str, Any] = event.data
    if event.kind is EventKind.REVIEW_OPENED:
        review = data.get("review") or {}
        reviews[str(review.get("review_id"))] = review
        return _mark(event, "asked", review=str(review.get("kind", "")))
    if event.kind is EventKind.REVIEW_DECIDED:
        review = reviews.get(str(data.get("review_id")), {})
        by = str(data.get("by") or event.actor)
        verb = str(data.get("verb", ""))
        word = "no" if verb == "reject" else LATE if by == "deadline" else _SAID.get(verb, verb)
        if data.get("choice"):
            word = str(data["choice"])
        people = dict.fromkeys([*review.get("approvals", ()), by])
        what: What = "no" if word == "no" else "asked"
        return _mark(event, what, word, str(review.get("kind", "")), ", ".join(map(str, people)))
    if event.kind is EventKind.COMMAND and data.get("verb") == "retry":
        return _mark(event, "retried")
    if event.kind in _WHAT and event.step_id:
        said = data.get("code") if event.kind is EventKind.STEP_FAILED else data.get("outcome")
        return _mark(event, _WHAT[event.kind], str(said or ""))
    return None


def _mark(event: TicketEvent, what: What, word: str = "", review: str = "", by: str = "") -> Mark:
    key, place = located(event.step_id)
    return Mark(event.seq, event.at, what, key, place, word, review, by)


def located(step_id: str) -> tuple[str, str]:
    """A step's name in the ticket as (its key in the graph, its place): `book.3.pay` is (`pay`, `book.3`).

    The names of calls stay in the key, for a called SOP has names of its own: `check.screen`.
    """
    tokens = step_id.partition("/")[0].split(".")
    calls = [
        token.split("~")[0]
        for token, following in pairwise(tokens)
        if not token.isdigit() and not following.isdigit()
    ]
    return ".".join([*calls, tokens[-1].split("~")[0]]), ".".join(tokens[:-1])
