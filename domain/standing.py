"""What changes the duty gate from outside: an override of the mode, and authority that was withdrawn.

Both are acts of people (or of spot checks), kept with who and why. An override always has an end.
"""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Final, Literal
from zoneinfo import ZoneInfo

from domain.duration import format_duration
from domain.duty import DutyConfig, GateVerdict, gate, mode_at, next_change
from domain.errors import InvalidInput
from domain.model import Instant, Record
from domain.task import RiskLevel

LONGEST_OVERRIDE: Final = timedelta(days=7)
"""Who wants another mode for longer wants another policy, which two people release."""

_VERDICTS: Final = ("automatic", "spot_check", "ask")
_TOLD: Final = ("nobody", "lead", "on_call")


class DutyOverride(Record):
    """A mode that somebody set for a time, whatever the clock says. It holds from `since` until `until`."""

    number: int
    mode: str
    since: Instant
    until: Instant
    reason: str
    by: str
    ended_at: Instant | None = None
    """Earlier than `until`: it was cleared, or another one took its place."""
    ended_by: str = ""
    end_reason: str = ""

    def holds_at(self, at: datetime) -> bool:
        """Whether it is in force at this instant."""
        return self.since <= at < min(self.until, self.ended_at or self.until)


class Withdrawal(Record):
    """A kind of tickets that spot checks found wrong too often: nothing of it runs by itself any more."""

    number: int
    """0 before the store has given one."""
    kind: str
    group: str
    """Whose lead was told."""
    since: Instant
    reason: str
    restored_at: Instant | None = None
    restored_by: str = ""
    restore_reason: str = ""

    def holds_at(self, at: datetime) -> bool:
        """Whether the authority is withdrawn at this instant."""
        return self.since <= at and (self.restored_at is None or at < self.restored_at)


class Standing(Record):
    """All that changes the gate at one instant."""

    override: DutyOverride | None = None
    withdrawals: tuple[Withdrawal, ...] = ()

    def withdrawal(self, kind: str, at: datetime) -> Withdrawal | None:
        """The withdrawal of a kind that is in force at this instant."""
        return next((each for each in self.withdrawals if each.kind == kind and each.holds_at(at)), None)


class DutyNow(Record):
    """The mode at an instant, why it holds, and what each risk does in it."""

    at: Instant
    mode: str
    why: Literal["clock", "calendar", "override"]
    explanation: str
    by_clock: str
    """The mode that would hold without an override."""
    next_change: Instant
    """The next instant at which another mode holds, as far as it is known now."""
    risks: tuple[GateVerdict, ...]
    override: DutyOverride | None = None


def kind_of(category: str, action: str) -> str:
    """What authority is given to and withdrawn from: all tickets of one category and action."""
    return f"{category}/{action}" if category else ""


def check_override(config: DutyConfig, mode: str, since: datetime, until: datetime, reason: str) -> None:
    """Raises `InvalidInput`, naming the field, for an override that cannot be."""
    if mode not in config.modes:
        raise InvalidInput(
            f"{mode[:100]!r} is not a mode; expected one of {', '.join(config.modes)}", field="mode"
        )
    if until <= since:
        raise InvalidInput(
            f"until {until.isoformat()} is over already; expected an instant after {since.isoformat()}",
            field="until",
        )
    if until - since > LONGEST_OVERRIDE:
        raise InvalidInput(
            f"until {until.isoformat()} is more than {format_duration(LONGEST_OVERRIDE)} away; "
            "expected less: for longer, release another policies/duty.yaml",
            field="until",
        )
    if not reason.strip():
        raise InvalidInput("reason: say why", field="reason")


def decide(
    config: DutyConfig,
    risk: RiskLevel,
    now: datetime,
    is_working_day: Callable[[date], bool],
    standing: Standing,
    *,
    kind: str = "",
) -> GateVerdict:
    """Decides one effect by duty × risk, the override in force and the authority of its kind."""
    override = standing.override if standing.override and standing.override.holds_at(now) else None
    if override is None or override.mode not in config.modes:
        # A policy that was released since may not have the override's mode any more.
        verdict = gate(config, risk, now, is_working_day)
    else:
        verdict = gate(config, risk, now, is_working_day, mode=override.mode)
        verdict = verdict.model_copy(update={"reason": f"{verdict.reason} ({_set_by(override, config)})"})
    if verdict.verdict != "ask" and standing.withdrawal(kind, now):
        return _asked(config, verdict, f"the automatic authority of {kind} is withdrawn")
    return verdict


def decide_unsure(
    config: DutyConfig,
    risk: RiskLevel,
    now: datetime,
    is_working_day: Callable[[date], bool],
    last_known: Standing | None,
    *,
    kind: str = "",
) -> GateVerdict:
    """Decides while nobody can tell what is in force: never more freely than the clock's mode allows.

    An override that was in force holds only where it is the stricter one, since it may have been cleared; a
    withdrawal holds on. A process that knows nothing asks a person, because any kind may be withdrawn.
    """
    by_clock = gate(config, risk, now, is_working_day)
    if last_known is None:
        if by_clock.verdict == "ask":
            return by_clock
        return _asked(
            config, by_clock, "the store does not say whether an override or a withdrawal is in force"
        )
    without_override = last_known.model_copy(update={"override": None})
    return max(
        decide(config, risk, now, is_working_day, without_override, kind=kind),
        decide(config, risk, now, is_working_day, last_known, kind=kind),
        key=_strictness,
    )


def duty_at(
    config: DutyConfig,
    at: datetime,
    is_working_day: Callable[[date], bool],
    override: DutyOverride | None,
) -> DutyNow:
    """The mode at an instant, and why."""
    by_clock = mode_at(config, at, is_working_day)
    local = at.astimezone(ZoneInfo(config.timezone))
    held = override if override and override.holds_at(at) and override.mode in config.modes else None
    why: Literal["clock", "calendar", "override"]
    if held:
        why, mode = "override", held.mode
        explanation = f"{_set_by(held, config)}: {held.reason}"
    elif not is_working_day(local.date()):
        why, mode = "calendar", by_clock
        explanation = f"{local:%Y-%m-%d} is no working day: {by_clock} all day"
    else:
        why, mode = "clock", by_clock
        explanation = f"{by_clock} is {config.modes[by_clock].time_range} in {config.timezone}"
    return DutyNow(
        at=at,
        mode=mode,
        why=why,
        explanation=explanation,
        by_clock=by_clock,
        next_change=held.until if held else next_change(config, at, is_working_day),
        risks=tuple(gate(config, risk, at, is_working_day, mode=mode) for risk in RiskLevel),
        override=held,
    )


def _strictness(verdict: GateVerdict) -> tuple[int, int]:
    return _VERDICTS.index(verdict.verdict), _TOLD.index(verdict.tell)


def _asked(config: DutyConfig, verdict: GateVerdict, why: str) -> GateVerdict:
    """The same effect, asked for: somebody hears of it, since nobody expects the question."""
    mode = config.modes[verdict.mode]
    return verdict.model_copy(
        update={
            "verdict": "ask",
            "tell": mode.whom_to_tell,
            "channel": mode.escalation_channel,
            "reason": f"{why}: {verdict.risk} risk needs a person in {verdict.mode}",
        }
    )


def _set_by(override: DutyOverride, config: DutyConfig) -> str:
    until = override.until.astimezone(ZoneInfo(config.timezone))
    return f"set by {override.by} until {until:%Y-%m-%d %H:%M}"
