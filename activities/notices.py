"""Messages to customers, and alerts to the people who run the bank.

Sending is at least once: a notice goes out, then the log remembers it. A worker that dies in between
sends it again, under the same notice id, from which channels make their own stable ids.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import Field

from activities.catalogue import handler, task
from activities.notice_texts import Kind, alert_text, customer_text, result_kind, withheld_because
from activities.on_call import OnCallLine
from activities.ports import AddressBook, ChannelSender, CoreBank, NoticeLog, RulebookSource
from activities.sending import NoticeSending, with_backups
from domain.alert_pages import ON_CALL
from domain.alerts import Alert, AlertReceipt
from domain.errors import ChannelFailed
from domain.handlers import Effect, Queue
from domain.model import Model
from domain.notices import Channel, Delivery, Notice
from domain.people import Directory
from domain.steps import StepInput, StepOutput

_WAYS_OUT = (Channel.SMS, Channel.WECOM, Channel.EMAIL)
_TOLD_BEFORE = "the same address was told before"


class NoticeLanguage(Model):
    """Of every notice."""

    language: Literal["zh", "en"] | None = Field(
        default=None, description="instead of the ticket's `language`, or that of its title"
    )


class NoticeTopic(NoticeLanguage):
    """Of notices of a result. Texts are fixed: an SOP cannot put words into the bank's mouth, or tip off."""

    topic: Literal["result", "processed", "received"] = Field(
        default="result",
        description="what the bank executed, as far as it did; only that it is dealt with; only that it came",
    )


class NoticeFacts(Model):
    """What became of a notice."""

    notice_id: str | None = Field(default=None, description="of what was sent")
    channel: str | None = Field(default=None, description="of what was sent now")
    repeated: bool = Field(default=False, description="it had been sent before")
    reason: str | None = Field(default=None, description="why nothing was sent")


_notifier = partial(
    handler,
    queue=Queue.CHANNELS,
    outcomes=("sent", "withheld", "no_address"),
    outputs=NoticeFacts,
    reads_results=True,
    irreversible="a message that was read cannot be taken back",
)


class NoticeActivities:
    """Handlers that tell customers, and the activity that tells people of alerts.

    Outcomes of the handlers: `sent`; `withheld`, when telling would tip somebody off; `no_address`, when
    the customer has none on the channel. All fail with `channel_failed` while a channel does not take the
    message and with `bank_unavailable` while the bank does not tell the address; both are worth a retry.
    """

    def __init__(
        self,
        senders: Mapping[Channel, ChannelSender],
        log: NoticeLog,
        addresses: AddressBook,
        bank: CoreBank,
        rulebook: RulebookSource,
        *,
        on_call: OnCallLine | None = None,
    ) -> None:
        """Without `on_call` the directory's order holds, at any hour."""
        self._on_call = on_call
        self._sending = NoticeSending(senders, log)
        self._log = log
        self._addresses = addresses
        self._bank = bank
        self._rulebook = rulebook

    @_notifier(effect=Effect.MESSAGE, inputs=NoticeTopic)
    def sms_notifier(self, step: StepInput) -> StepOutput:
        """Tells the customer the result by SMS."""
        return self._tell_customer(step, (Channel.SMS,), result_kind(step))

    @_notifier(effect=Effect.MESSAGE, inputs=NoticeTopic)
    def email_notifier(self, step: StepInput) -> StepOutput:
        """Tells the customer the result by e-mail."""
        return self._tell_customer(step, (Channel.EMAIL,), result_kind(step))

    @_notifier(effect=Effect.MESSAGE, inputs=NoticeTopic)
    def wecom_notifier(self, step: StepInput) -> StepOutput:
        """Tells the customer the result by WeCom."""
        return self._tell_customer(step, (Channel.WECOM,), result_kind(step))

    @_notifier(effect=Effect.NOTICE, inputs=NoticeLanguage)
    def acknowledge_receipt(self, step: StepInput) -> StepOutput:
        """Acknowledges in a fixed form that the request arrived, by SMS, else by e-mail."""
        return self._tell_customer(step, (Channel.SMS, Channel.EMAIL), "received")

    @task
    def deliver_alert(self, alert: Alert) -> AlertReceipt:
        """Tells whom the level's rule, or the alert itself, names.

        The channels of an addressee, then their backups, are tried in order until one takes the message,
        then the next in line: a lead is backed by on-call, on-call by the next of its order, a name that
        nobody has by the ticket's group. The receipt tells of each that failed. Fails with
        `channel_failed` when somebody should be told and nobody was.
        """
        book = self._rulebook.current()
        directory = book.directory
        alert = alert.model_copy(update={"body": alert_text(alert, ZoneInfo(book.duty.timezone))})
        sent: list[str] = []
        failed: list[str] = []
        unreached: list[str] = []
        reached = False
        told: set[tuple[Channel, str]] = set()
        for to, channels in self._routes(alert):
            if alert.paged and to == ON_CALL:
                continue
            if Channel.DASHBOARD in channels:
                sent.append(self._light_dashboard(alert))
            ways_out = with_backups(book.alerts, (each for each in channels if each is not Channel.DASHBOARD))
            if not ways_out:
                continue
            line = _line(to, alert.group, directory, self._line_of)
            if any(self._reach(alert, each, ways_out, told=told, sent=sent, failed=failed) for each in line):
                reached = True
            else:
                unreached.append(to if line else f"{to} (the directory has nobody)")
        if unreached and not reached:
            reasons = "; ".join(failed) or "no address"
            raise ChannelFailed(f"alert {alert.alert_id} did not reach {', '.join(unreached)}: {reasons}")
        return AlertReceipt(
            alert_id=alert.alert_id, sent=tuple(dict.fromkeys(sent)), failed=tuple(dict.fromkeys(failed))
        )

    def _tell_customer(self, step: StepInput, channels: tuple[Channel, ...], kind: Kind) -> StepOutput:
        customer = step.task.customer_ref
        reason = withheld_because(step)
        if reason is not None:
            self._note_unsent(step, channels[0], f"withheld: {reason}")
            return StepOutput(outcome="withheld", summary=f"not told: {reason}", data={"reason": reason})
        if self._log.delivered(step.idempotency_key):
            notice = _unsent_notice(step, channels[0])
            self._sending.note(notice, accepted=True, repeated=True, detail="sent before")
            return StepOutput(
                outcome="sent",
                summary="the customer had been told before",
                data={"notice_id": notice.notice_id, "repeated": True},
            )
        zone = ZoneInfo(self._rulebook.current().duty.timezone)
        failures: list[ChannelFailed] = []
        for channel in channels:
            address = self._bank.contact(customer, channel) if customer else ""
            if not address:
                continue
            subject, body = customer_text(step, kind, channel, zone)
            notice = _unsent_notice(step, channel).model_copy(update={"subject": subject, "body": body})
            try:
                self._sending.send(notice, address)
            except ChannelFailed as error:
                failures.append(error)
                continue
            return StepOutput(
                outcome="sent",
                summary=f"the customer was told by {channel}",
                data={"notice_id": notice.notice_id, "channel": channel.value, "repeated": False},
            )
        if failures:
            raise ChannelFailed("; ".join(str(each) for each in failures))
        why = f"the customer has no address for {' or '.join(channels)}"
        if not customer:
            why = "the ticket names no customer"
        self._note_unsent(step, channels[0], why)
        return StepOutput(outcome="no_address", summary=f"not told: {why}", data={"reason": why})

    def _line_of(self, group: str) -> Sequence[str]:
        return self._on_call.of(group) if self._on_call else self._rulebook.current().directory.on_call

    def _routes(self, alert: Alert) -> Iterator[tuple[str, Sequence[Channel]]]:
        """Whom to tell, each with the channels to try, the first choice first."""
        rule = self._rulebook.current().alerts.rule(alert.level)
        if alert.instead is None:
            yield rule.to, (Channel.DASHBOARD,) if rule.to == "dashboard" else rule.channels
        for named in (alert.instead, alert.also):
            if named is None:
                continue
            if Channel.DASHBOARD in (named.to, named.channel):
                yield alert.group, (Channel.DASHBOARD,)
            else:
                # A person is not told by the dashboard, even where the level's rule has nothing else.
                usual = [each for each in rule.channels if each is not Channel.DASHBOARD] or _WAYS_OUT
                first = [named.channel] if named.channel else []
                yield named.to, [*first, *(each for each in usual if each not in first)]

    def _light_dashboard(self, alert: Alert) -> str:
        notice = _alert_notice(alert, Channel.DASHBOARD, alert.group)
        delivery = Delivery(notice_id=notice.notice_id, channel=Channel.DASHBOARD, accepted=True)
        # Unlike elsewhere, the record is the message: a store that fails has not taken it.
        self._log.record(notice, delivery)
        return f"{Channel.DASHBOARD} → {alert.group}"

    def _reach(
        self,
        alert: Alert,
        addressee: str,
        channels: Iterable[Channel],
        *,
        told: set[tuple[Channel, str]],
        sent: list[str],
        failed: list[str],
    ) -> bool:
        """Whether a channel took the alert for this addressee; notes what was sent and what failed.

        `told` are the channels and addresses that have this alert already: one person in two roles, such
        as a supervisor who is on call, reads it once.
        """
        for channel in channels:
            line = f"{channel} → {addressee}"
            addresses = self._addresses.addresses(addressee, channel)
            if not addresses:
                failed.append(f"{line}: no address")
                self._sending.note(
                    _alert_notice(alert, channel, addressee), accepted=False, detail="no address"
                )
            reached = False
            for place, address in enumerate(addresses, start=1):
                notice = _alert_notice(alert, channel, addressee, place)
                try:
                    if (channel, address) in told:
                        self._sending.note(notice, accepted=True, repeated=True, detail=_TOLD_BEFORE)
                    else:
                        self._sending.send_once(notice, address)
                except ChannelFailed as error:
                    failed.append(f"{line}: {error}")
                else:
                    told.add((channel, address))
                    sent.append(line)
                    reached = True
            if reached:
                return True
        return False

    def _note_unsent(self, step: StepInput, channel: Channel, reason: str) -> None:
        self._sending.note(_unsent_notice(step, channel), accepted=False, detail=reason)


def _unsent_notice(step: StepInput, channel: Channel) -> Notice:
    return Notice(
        notice_id=step.idempotency_key,
        channel=channel,
        to=step.task.customer_ref,
        body="",
        task_id=step.task.task_id,
    )


def _alert_notice(alert: Alert, channel: Channel, to: str, place: int = 1) -> Notice:
    """The notice of one address. Further addresses of one addressee differ by their place, not by what
    they are: notice ids carry no personal data."""
    suffix = f"/{place}" if place > 1 else ""
    return Notice(
        notice_id=f"{alert.alert_id}/{channel}/{to}{suffix}",
        channel=channel,
        to=to,
        subject=alert.subject,
        body=alert.body,
        task_id=alert.task_id,
    )


def _line(to: str, group: str, directory: Directory, on_call: Callable[[str], Sequence[str]]) -> list[str]:
    """Whom to try, one after the other, until somebody is reached."""
    owner = directory.group(group)
    match to:
        case "group":
            line = [group]
        case "lead":
            line = [owner.lead if owner and owner.lead else group, *on_call(group)]
        case "on_call":
            line = [*on_call(group)]
        case _:
            line = [to, group]
    return list(dict.fromkeys(each for each in line if each))
