"""What becomes of a freeze after its ticket: its expiry is started, or ended by a release."""

import asyncio
from typing import Final

from temporalio import activity

from activities.catalogue import task, translated
from activities.expiry_messages import (
    EffectDone,
    EffectWatched,
    ExpiryInput,
    Lifted,
    OthersOnAccount,
    ReleaseOrder,
)
from activities.ports.expiry import Expiries, ExpiryBook
from domain.authority import shown_document
from domain.digest import digest_of
from domain.errors import InvalidInput, OpsloopError
from domain.expiry import ExpiryProgress, ExpiryView, Measure, opened
from domain.expiry_terms import end_of, term_of
from domain.money import parse_amount
from domain.redaction import mask_reference
from domain.task import RiskLevel

UNDOING: Final = ".compensation"
"""How the key of a compensation ends."""


class ExpiryActivities:
    """The ticket's side, and what an expiry keeps. Without `expiries`, as in simulations, none is started."""

    def __init__(self, expiries: Expiries | None, book: ExpiryBook) -> None:
        self._expiries = expiries
        self._book = book

    @activity.defn
    async def watch_effect(self, done: EffectDone) -> EffectWatched:
        """Starts the expiry of a freeze that ends; ends those of what a release lifted.

        A repeat starts nothing twice. Fails with `store_unavailable`, or as Temporal does; worth a retry.
        """
        if self._expiries is None:
            return EffectWatched()
        try:
            lifted = await self._lift(self._expiries, done)
            start = start_of(done)
            if start is None:
                return EffectWatched(lifted=lifted)
            await self._expiries.start(start)
            # On record at once: a release that comes next has to find it.
            measure = start.measure
            view = ExpiryView(measure=measure, state=opened(measure, done.at))
            await asyncio.to_thread(self._book.record, ExpiryProgress(view=view, number=0, at=done.at))
        except OpsloopError as error:
            raise translated(error) from error
        return EffectWatched(started=measure.measure_id, ends_at=measure.ends_at, lifted=lifted)

    @task
    def others_in_force(self, asked: OthersOnAccount) -> tuple[str, ...]:
        """The other measures on the same account that a release of the whole account would lift."""
        mine = asked.measure
        found = self._book.in_force(mine.account_digest)
        return tuple(each.measure.measure_id for each in found if each.measure.measure_id != mine.measure_id)

    @task
    def record_expiry(self, progress: ExpiryProgress) -> None:
        """Writes an expiry's progress into the store."""
        self._book.record(progress)

    async def _lift(self, expiries: Expiries, done: EffectDone) -> tuple[str, ...]:
        names = []
        for measure_id, why in await self._over_by(done):
            if await expiries.lift(measure_id, Lifted(by=done.task.task_id, why=why)):
                names.append(measure_id)
        return tuple(names)

    async def _over_by(self, done: EffectDone) -> list[tuple[str, str]]:
        """The measures that this effect puts an end to, each with the reason."""
        mine = measure_id_of(done.task.task_id, done.step.removesuffix(UNDOING))
        if done.step.endswith(UNDOING):
            return [(mine, "its ticket undid it")]
        fields = done.task.fields
        renews = done.action == "freeze" and fields.get("measure") == "renewal"
        if done.action == "freeze" and not renews:
            return []
        found = await asyncio.to_thread(self._book.in_force, digest_of(_account(done)))
        others = [each.measure for each in found if each.measure.measure_id != mine]
        if renews:
            same = [each for each in others if each.authority == fields.get("authority")]
            return [(each.measure_id, f"renewed by {done.task.task_id}") for each in _one_of(same, done)]
        released = _one_of(others, done)
        return [(each.measure_id, f"released by {done.task.task_id}") for each in released]


def concerns_expiry(done: EffectDone) -> bool:
    """Whether an effect begins something that ends, or may end something that was begun. Pure."""
    return (
        done.action == "unfreeze"
        or done.task.fields.get("measure") == "renewal"
        or start_of(done) is not None
    )


def measure_id_of(task_id: str, step: str) -> str:
    """The id of what a step put in force."""
    return f"{task_id}-{step}"


def start_of(done: EffectDone) -> ExpiryInput | None:
    """The expiry of a freeze; None for one without an end."""
    fields = done.task.fields
    authority = fields.get("authority")
    if done.action != "freeze" or done.step.endswith(UNDOING) or not isinstance(authority, str):
        return None
    term = term_of(authority.strip(), fields)
    # In bank time, as the step was done: the bank itself may be on another clock.
    began_at = done.at
    ends_at = None if term is None else end_of(term, fields, began_at)
    if term is None or ends_at is None:
        return None
    order = _order(done)
    task = done.task
    document = fields.get("document_no")
    measure = Measure(
        measure_id=measure_id_of(task.task_id, done.step),
        task_id=task.task_id,
        step=done.step,
        kind="stop" if fields.get("measure") == "stop" else "freeze",
        authority=authority.strip(),
        term=term,
        reference=mask_reference(order.account_ref),
        account_digest=digest_of(order.account_ref),
        document_no=shown_document(document.strip()) if isinstance(document, str) else "",
        group=task.assigned_group,
        priority=task.priority,
        risk=RiskLevel(done.risk),
        maker=done.maker,
        whole=order.amount is None,
        began_at=began_at,
        ends_at=ends_at,
    )
    return ExpiryInput(measure=measure, order=order, clock=done.clock)


def _account(done: EffectDone) -> str:
    return str(done.inputs.get("account_ref") or done.task.account_ref).strip()


def _order(done: EffectDone) -> ReleaseOrder:
    """What a release has to order: what was really frozen, where the bank said how much."""
    facts = {**done.task.fields, **done.inputs}
    ordered, effective = facts.get("amount"), done.output.data.get("effective_amount")
    amount = None
    if ordered is not None:
        try:
            amount = parse_amount(ordered if effective is None else effective)
        except InvalidInput:
            amount = parse_amount(ordered)
    currency = facts.get("currency")
    return ReleaseOrder(
        account_ref=_account(done),
        amount=amount,
        currency=currency.strip().upper() if isinstance(currency, str) and currency.strip() else "CNY",
    )


def _one_of(measures: list[Measure], done: EffectDone) -> list[Measure]:
    """Those that the ticket names by the document of the freeze, else all of its authority's."""
    named = done.task.fields.get("freeze_document_no")
    if isinstance(named, str) and named.strip():
        return [each for each in measures if each.document_no == shown_document(named.strip())]
    authority = done.task.fields.get("authority")
    return [each for each in measures if each.authority == authority]
