"""What customers read, and whether they may read it yet.

Texts say what happened to which account, masked, and nothing of who ordered it or why: they are read on
lock screens. A text is a template with the fields of `_facts`.
"""

from collections.abc import Iterator, Mapping
from datetime import tzinfo
from decimal import Decimal, InvalidOperation
from typing import Any, Final, Literal

from domain.alerts import Alert
from domain.notices import Channel
from domain.orders import OrderStatus
from domain.redaction import mask_reference
from domain.steps import StepInput

Language = Literal["zh", "en"]
Kind = Literal["received", "freeze", "unfreeze", "payment", "processed"]

SUBJECTS: Final[Mapping[Language, str]] = {
    "zh": "银行业务通知（编号 {reference}）",
    "en": "Notice from your bank (reference {reference})",
}

TEXTS: Final[Mapping[tuple[Kind, Language], str]] = {
    ("received", "zh"): "我行已收到您的业务申请，编号 {reference}，正在处理。本通知不代表处理结果。",
    ("received", "en"): (
        "We have received your request, reference {reference}. It is being worked on. "
        "This notice says nothing about its outcome."
    ),
    ("freeze", "zh"): (
        "您的账户 {account} 已于 {when} 被限制使用{amount}，编号 {reference}。如有疑问，请联系开户网点。"
    ),
    ("freeze", "en"): (
        "Your account {account} has been restricted{amount} at {when}, reference {reference}. "
        "Please ask your branch if you have questions."
    ),
    ("unfreeze", "zh"): "您的账户 {account} 的限制已于 {when} 解除{amount}，编号 {reference}。",
    ("unfreeze", "en"): (
        "The restriction of your account {account} has been lifted{amount} at {when}, reference {reference}."
    ),
    ("payment", "zh"): "您的账户 {account} 的汇款已于 {when} 汇出{amount}，编号 {reference}。",
    ("payment", "en"): (
        "Your payment from account {account}{amount} was released at {when}, reference {reference}."
    ),
    ("processed", "zh"): "您的业务申请已处理完毕，编号 {reference}。如有疑问，请联系开户网点。",
    ("processed", "en"): (
        "Your request has been processed, reference {reference}. "
        "Please ask your branch if you have questions."
    ),
}

TOLD_BEFORE_THE_BANK_ACTS: Final = frozenset({"customer", "bank_own"})
"""The only `fields.authority` that are no investigating body. Any other, also one we do not know, is."""


def withheld_because(step: StepInput) -> str | None:
    """Why the customer must not be told now, or None when telling is allowed.

    No tipping off: an order's subject learns of it from the bank's executed order, never from a message
    that is early (行政强制法 30, 65), and of a secret one or a suspicion never (反洗钱法 35).
    """
    fields, task = step.task.fields, step.task
    if _says_yes(fields.get("secrecy")):
        return "the order demands secrecy"
    if task.category == "compliance":
        return "compliance cases are kept from their subject"
    if any(_executed(step)):
        return None
    if any(result.outcome == "skipped" for result in step.results.values()):
        return "an operator skipped a step; what became of the request is for a person to tell"
    authority = str(fields.get("authority") or "").strip().lower()
    if authority and authority not in TOLD_BEFORE_THE_BANK_ACTS:
        return "an authority ordered it and the bank has not executed it yet"
    if task.action == "freeze" and authority != "customer":
        return "a freeze is told only once the bank has executed it"
    return None


def result_kind(step: StepInput) -> Kind:
    """What the customer is told of: what the bank executed, else that the request is dealt with.

    An input `topic` can only make it say less.
    """
    match step.inputs.get("topic"):
        case "received":
            return "received"
        case "processed":
            return "processed"
    if not any(_executed(step)):
        return "processed"
    match step.task.action, step.task.category:
        case "freeze", _:
            return "freeze"
        case "unfreeze", _:
            return "unfreeze"
        case _, "settlement":
            return "payment"
        case _:
            return "processed"


def customer_text(step: StepInput, kind: Kind, channel: Channel, zone: tzinfo) -> tuple[str, str]:
    """Subject (empty but for e-mail) and body of the message, in the customer's language."""
    language = language_of(step)
    facts = _facts(step, language, zone)
    subject = SUBJECTS[language].format_map(facts) if channel is Channel.EMAIL else ""
    return subject, TEXTS[kind, language].format_map(facts)


def language_of(step: StepInput) -> Language:
    """`language` of inputs or fields where it says zh or en, else that of the title."""
    asked = str(step.facts.get("language") or "").lower()
    if asked.startswith("zh"):
        return "zh"
    if asked.startswith("en"):
        return "en"
    return "zh" if any("\u4e00" <= each <= "\u9fff" for each in step.task.title) else "en"


def _facts(step: StepInput, language: Language, zone: tzinfo) -> dict[str, str]:
    order = next(_executed(step), {})
    amount = _amount(order, step)
    shown = {"zh": f"，金额 {amount}", "en": f" ({amount})"}[language] if amount else ""
    return {
        "reference": step.task.task_id,
        "account": order.get("account") or mask_reference(step.task.account_ref),
        "amount": shown,
        "when": f"{step.now.astimezone(zone):%Y-%m-%d %H:%M}",
    }


def _executed(step: StepInput) -> Iterator[Mapping[str, Any]]:
    """The bank's receipts among the results, as far as they say `executed`."""
    for result in step.results.values():
        if result.data.get("order_id") and result.data.get("status") == OrderStatus.EXECUTED:
            yield result.data


def _amount(order: Mapping[str, Any], step: StepInput) -> str:
    try:
        amount = Decimal(str(order.get("effective_amount")))
    except InvalidOperation:
        return ""
    currency = order.get("currency") or step.task.fields.get("currency") or "CNY"
    return f"{currency} {amount:,.2f}" if amount.is_finite() else ""


def _says_yes(value: Any) -> bool:
    """Anything but a clear no: an unclear wish for secrecy is kept."""
    return str(value).strip().lower() not in ("none", "", "false", "no", "0", "否")


def alert_text(alert: Alert, zone: tzinfo) -> str:
    """What a person on duty reads: what, until when in the bank's time, and what to do."""
    until = f"Until {alert.deadline_at.astimezone(zone):%m-%d %H:%M}." if alert.deadline_at else ""
    body = alert.body if alert.body.endswith((".", "?", "!", "。", "？")) else f"{alert.body}."
    return " ".join(part for part in (body, until, alert.action) if part)
