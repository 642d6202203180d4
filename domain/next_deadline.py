"""When a ticket has to speak up next, whoever asks: the patrol holds it to that."""

from datetime import datetime

from domain.legal import next_legal_rung
from domain.sla import SlaTerms, Stopwatch, next_rung


def next_deadline(terms: SlaTerms, stopwatch: Stopwatch, fired: frozenset[str]) -> datetime | None:
    """The instant of the next threshold, service or legal, that has not fired.

    None while the service clock stands and no legal deadline is ahead.
    """
    rung = next_rung(terms, fired)
    times = [stopwatch.deadline(rung.after)] if rung and not stopwatch.held else []
    times += [
        deadline.at(ahead)
        for deadline in terms.legal
        if (ahead := next_legal_rung(deadline, fired)) is not None
    ]
    return min((each for each in times if each is not None), default=None)
