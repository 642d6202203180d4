"""Findings: everything that can be wrong with a definition, each kind with a code that never changes.

Codes are grouped: OPS0xx the file and its YAML, OPS1xx its fields, OPS2xx what an SOP means, OPS3xx how
the files fit together, OPS50x what a calendar means. `docs/sop-language.md` lists them all; each has a page
in `docs/findings/`.
"""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple


class Severity(StrEnum):
    """An error keeps the definition from being used; a warning does not."""

    ERROR = "error"
    WARNING = "warning"


class Position(NamedTuple):
    """A place in a file. Both count from 1; columns count characters."""

    line: int
    column: int


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, where it is, and what was expected instead."""

    file: str
    line: int
    column: int
    code: str
    severity: Severity
    message: str
    expected: str = ""

    def __str__(self) -> str:
        expected = f"; expected {self.expected}" if self.expected else ""
        place = f"{self.file}:{self.line}:{self.column}"
        return f"{place}: {self.severity} {self.code}: {self.message}{expected}"


class Code(NamedTuple):
    """What a code stands for."""

    severity: Severity
    title: str
    explanation: str


MOST_FINDINGS: Final = 200
"""Of one severity, in one SOP."""

_E, _W = Severity.ERROR, Severity.WARNING

CODES: Final[dict[str, Code]] = {
    "OPS001": Code(_E, "cannot read the file", "It does not exist, is a folder, or may not be read."),
    "OPS002": Code(_E, "file too large", "A definition file has at most 256 KB."),
    "OPS003": Code(_E, "not text", "The file is not UTF-8 text, or holds control characters."),
    "OPS004": Code(_E, "not YAML", "A colon, quote, bracket or the indentation is wrong at this place."),
    "OPS005": Code(_E, "tab in the indentation", "YAML is indented with spaces only."),
    "OPS006": Code(_E, "empty file", "There is nothing in the file but blanks and comments."),
    "OPS007": Code(_E, "several documents", "A file holds one document; `---` starts another."),
    "OPS008": Code(_E, "nested too deep", "More than 20 levels of lists and mappings."),
    "OPS009": Code(
        _E, "anchor, alias or merge key", "`&`, `*` and `<<` hide what a step really says: write it out."
    ),
    "OPS010": Code(_E, "tag", "`!tags` are not part of the language; write the value as it is."),
    "OPS011": Code(_E, "duplicate key", "The same key stands twice; the first one would be lost silently."),
    "OPS012": Code(_E, "key is not a text", "Numbers, true, false and null as keys are put in quotes."),
    "OPS013": Code(_W, "file is not read", "No definition has this name; is it a spelling mistake?"),
    "OPS101": Code(_E, "unknown field", "The language has no such field here; it would have no effect."),
    "OPS102": Code(_E, "missing field", "A field that must be there is not."),
    "OPS103": Code(_E, "wrong type", "A text where a number belongs, a list where a mapping belongs, …"),
    "OPS104": Code(_E, "not one of the allowed values", "The field takes one of a few words only."),
    "OPS105": Code(_E, "wrong form", "Names are in snake case (`execute_freeze`), hours as `08:00-20:00`."),
    "OPS106": Code(_E, "out of range", "Too long, too short, too many, too few, too large or too small."),
    "OPS107": Code(_E, "not a duration", "Durations carry a unit: `30s`, `45min`, `1h`, `1h30min`, `2d`."),
    "OPS108": Code(_E, "fields contradict each other", "Each is fine alone; together they make no sense."),
    "OPS109": Code(
        _E,
        "no id can be made of the name",
        "A step's id is its name in snake case. A name without Latin letters needs an `id` of its own.",
    ),
    "OPS201": Code(_E, "unknown handler", "The catalogue has no handler of this name."),
    "OPS202": Code(_E, "unknown fallback", "The catalogue has no handler of this name."),
    "OPS203": Code(_E, "unknown target", "Targets are ids of later steps, handlers, `reject` or `finish`."),
    "OPS204": Code(_E, "duplicate step id", "Two steps have the same id; give one of them an `id`."),
    "OPS205": Code(_E, "route does not go forward", "Targets are later steps, so that every run ends."),
    "OPS206": Code(_W, "outcome without a route", "At run time a person has to pick one of the outcomes."),
    "OPS207": Code(_E, "unknown outcome", "The handler never answers this, so the route is never taken."),
    "OPS208": Code(_E, "escalation not before the end of the SLA", "Nobody could act on it any more."),
    "OPS209": Code(_E, "this step cannot be async", "The steps behind it rely on its result."),
    "OPS210": Code(_W, "no deadline", "A person is asked without a time by which they should answer."),
    "OPS211": Code(_E, "effect before the risk assessment", "No effect runs before the risk is settled."),
    "OPS212": Code(_W, "step is never reached", "No outcome leads to it."),
    "OPS213": Code(_W, "route leaves out a control", "On this route a check is not made."),
    "OPS214": Code(
        _W, "longer than the SLA", "The time-out, deadline, wait or pause ends after the SLA does."
    ),
    "OPS215": Code(_E, "fallback is the handler itself", "It would fail in the same way."),
    "OPS216": Code(
        _E,
        "field has no effect on people",
        "Time-outs, retries and errors are for handlers that are code; people have deadlines.",
    ),
    "OPS217": Code(
        _W,
        "target is the handler of a later step",
        "The effect would happen as the target and again in that step. Name the step.",
    ),
    "OPS218": Code(_W, "outcomes are not looked at", "The check has several outcomes; no branch uses them."),
    "OPS219": Code(_E, "target twice", "A route lists the same target twice; it runs only once."),
    "OPS220": Code(
        _E, "branching target is not the last", "A target that branches itself decides what comes after it."
    ),
    "OPS221": Code(_E, "unknown compensation", "The catalogue has no handler of this name."),
    "OPS222": Code(
        _E, "id is a word of the language", "`reject`, `finish` and `any` mean something in routes."
    ),
    "OPS223": Code(
        _E, "target in another sequence", "A route leads to later steps of the sequence that it stands in."
    ),
    "OPS224": Code(_E, "target behind an end", "`reject` and `finish` end the run: nothing follows them."),
    "OPS225": Code(_E, "unknown error code", "No handler fails with this code, so the route is never taken."),
    "OPS226": Code(_E, "nobody can say no here", "`on_reject` belongs to steps at which a person decides."),
    "OPS227": Code(_W, "control under a condition", "Where the condition is false, the check is not made."),
    "OPS228": Code(
        _E, "a person cannot be the compensation", "What undoes a step runs by itself, or not at all."
    ),
    "OPS229": Code(
        _W,
        "nothing undoes this effect",
        "When the SOP ends badly, finished effects are undone by their `compensate`, or it says why not.",
    ),
    "OPS230": Code(_E, "unknown input", "The handler or the called SOP has no input of this name."),
    "OPS231": Code(_E, "missing input", "The handler or the called SOP needs it."),
    "OPS232": Code(_E, "input does not fit", "The value has another type, or is not one of the choices."),
    "OPS233": Code(_E, "takes no inputs", "The handler or the called SOP would not look at them."),
    "OPS234": Code(_W, "wait without an end", "An event that never comes holds the ticket for ever."),
    "OPS240": Code(
        _E, "loop without an end", "The condition is never true, so the rounds are always used up."
    ),
    "OPS241": Code(
        _W,
        "condition that no round changes",
        "It looks at nothing that the steps of a round find out: the next round asks the same again.",
    ),
    "OPS242": Code(
        _E,
        "loops that go round too often",
        "The limits of loops in one another multiply: together they come to 10,000 rounds at most.",
    ),
    "OPS243": Code(_E, "item name is taken", "What a foreach calls its items would hide something else."),
    "OPS250": Code(_W, "condition is always the same", "It looks at nothing, so it decides nothing."),
    "OPS260": Code(_E, "not an expression", "It is not CEL."),
    "OPS261": Code(_E, "unknown name in an expression", "Expressions see a few names only."),
    "OPS262": Code(_E, "expression does not fit", "A condition is true or false, items are a list, …"),
    "OPS263": Code(_E, "result that cannot be there", "No such step has run when the expression is asked."),
    "OPS264": Code(
        _W,
        "result that may not be there",
        "Some ways lead past the step; `has(steps.x)` asks whether it ran.",
    ),
    "OPS265": Code(
        _E, "expression costs too much", "Expressions run inside the workflow, so they are small."
    ),
    "OPS270": Code(_E, "unknown SOP", "No SOP of this definitions folder has this id."),
    "OPS271": Code(_E, "circular call", "The SOP would call itself, directly or through others, for ever."),
    "OPS272": Code(_E, "two SOPs with one id", "A call could mean either of them."),
    "OPS273": Code(_W, "SOP that nothing runs", "It has no trigger, and no other SOP calls it."),
    "OPS301": Code(_E, "two SOPs with one trigger", "A ticket of this kind could go either way."),
    "OPS302": Code(
        _E, "no general SOP", "One SOP has the trigger `category: other` and no action, for all the rest."
    ),
    "OPS303": Code(_E, "unknown group or person", "policies/directory.yaml has no such name."),
    "OPS304": Code(_E, "lacks the role", "The directory does not give this person the role that is needed."),
    "OPS305": Code(_E, "pattern is not RE2", "Patterns are RE2: no look-around, no back-references."),
    "OPS306": Code(_E, "expression is not CEL", "Criteria are CEL over `task`, `fields` and `amount_fen`."),
    "OPS307": Code(_E, "duplicate name", "The same name, id or category stands twice in one list."),
    "OPS308": Code(_E, "level without a group", "The escalation table needs a group for every risk level."),
    "OPS309": Code(_W, "only the general SOP serves this", "No SOP has this category and action as trigger."),
    "OPS310": Code(_W, "too few people", "Fewer of the group have the role than must decide."),
    "OPS311": Code(_E, "name is taken", "A handler that is code has this name already."),
    "OPS312": Code(_E, "nobody is on call", "A policy tells on-call, and the directory's list is empty."),
    "OPS313": Code(
        _W, "escalation after the SLA in force", "The category's policy is stricter than the SOP's own SLA."
    ),
    "OPS314": Code(_E, "unknown country", "Public holidays are known by ISO 3166 code, such as CN."),
    "OPS315": Code(_E, "keyword cannot score", "A keyword is a word, and its weight is greater than 0."),
    "OPS320": Code(
        _E,
        "address that may not be called",
        "Services have an https address; http is for this machine only, and there is no user or query in it.",
    ),
    "OPS321": Code(
        _E, "path pattern is wrong", "`*` stands for one part of a path, and `**`, last, for any rest."
    ),
    "OPS322": Code(
        _E, "header may not be set", "Some are set by opsloop; secrets are not written into files."
    ),
    "OPS323": Code(_E, "unknown service", "policies/http.yaml has no service of this name."),
    "OPS324": Code(_E, "call is not allowed", "The service's entry does not allow this method or path."),
    "OPS330": Code(
        _E,
        "nobody could release the next version",
        "What is in force names who may publish and release: one author, and another person as releaser.",
    ),
    "OPS500": Code(_E, "unknown time zone", "Time zones have IANA names, such as Asia/Shanghai."),
    "OPS501": Code(_E, "working hours overlap", "The intervals of one day share no time."),
    "OPS502": Code(_E, "no working time", "A week has at least one hour: else nothing is ever late."),
    "OPS503": Code(_E, "date twice", "A date stands once, either as a day off or as a working day."),
    "OPS504": Code(_E, "not a time or date", "Hours are like 09:00-12:00, dates like 2026-10-01."),
    "OPS505": Code(_E, "two calendars with one name", "A policy that names it could mean either."),
    "OPS506": Code(_E, "unknown calendar", "No file of calendars/ has this name."),
    "OPS520": Code(
        _E, "shifts overlap", "Two shifts of one rotation run side by side for longer than its `handover`."
    ),
    "OPS521": Code(_E, "roster without anyone", "A roster without rotations, or a shift without people."),
    "OPS522": Code(_E, "unknown person on call", "policies/directory.yaml has no such principal."),
    "OPS523": Code(_E, "on call without the role", "Whoever is on call holds the role `oncall`."),
    "OPS524": Code(_E, "unknown time zone", "Zones have names such as Asia/Shanghai."),
    "OPS525": Code(_W, "gap in the roster", "In these hours of each week only the fallback is paged."),
    "OPS526": Code(_W, "no fallback", "Nobody is left to page when those of a shift are replaced."),
    "OPS527": Code(
        _E, "shift or rotation twice", "Rotations have names of their own, and so do their shifts."
    ),
    "OPS528": Code(_E, "hours in which nobody is paged", "A gap in the roster, and no fallback either."),
    "OPS529": Code(_E, "pages of a group", "Each group's pages go to one rotation."),
    "OPS530": Code(_W, "shift never takes place", "None of its days is between its dates."),
    "OPS531": Code(_E, "no supervisor to climb to", "The supervisor's group needs a `lead`."),
    "OPS540": Code(_W, "share of an unknown category", "No rule, keyword group or SLA policy has it."),
    "OPS541": Code(_W, "nothing is drawn", "With a share of 0 nobody looks at what ran by itself."),
    "OPS542": Code(
        _W, "nobody is there to check", "Spot checks are drawn when a mode with `human_confirm` begins."
    ),
    "OPS543": Code(_W, "authority is never withdrawn", "More than all checks of a kind cannot object."),
    "OPS550": Code(_E, "unknown group in patrol.yaml", "The directory has no group of this name."),
    "OPS551": Code(_E, "patrol too seldom or too often", "Between 30 seconds and an hour is meant."),
    "OPS552": Code(_E, "grace that fits no patrol", "More than 0, and no longer than between two patrols."),
    "OPS553": Code(_W, "nobody notices silence", "Without a heartbeat a stopped patrol looks like peace."),
    "OPS554": Code(
        _W, "rule for an unknown kind", "No rule or keyword group gives this category and action."
    ),
    "OPS555": Code(_E, "surge that ends as it begins", "What raises a surge lies above what ends it."),
    "OPS556": Code(_E, "window that fits no hours", "5 minutes to 12 hours, and at least two looks in it."),
    "OPS557": Code(_E, "unknown group in trends.yaml", "The directory has no group of this name."),
    "OPS558": Code(_E, "unknown group in rescue.yaml", "The directory has no group of this name."),
    "OPS559": Code(
        _E, "group that cannot take over", "It needs somebody who decides and somebody who works."
    ),
    "OPS560": Code(
        _W, "skill for an unknown kind", "No rule or keyword group gives this category or action."
    ),
    "OPS561": Code(_E, "step that cannot be optional", "A control stays, and so does what others read from."),
    "OPS562": Code(_E, "unknown handler in handlers.yaml", "The catalogue has no handler of this name."),
    "OPS563": Code(_E, "handler that never becomes degraded", "Only what leaves the worker is watched."),
    "OPS564": Code(_W, "probes too often or too seldom", "Between 5 seconds and 4 hours is meant."),
    "OPS565": Code(_W, "degraded too late", "So many tickets fail before the fallback is taken at once."),
}


def found(file: str, at: Position, code: str, message: str, expected: str = "") -> Finding:
    """A finding of a registered code; the registry knows its severity."""
    return Finding(file, at.line, at.column, code, CODES[code].severity, message, expected)


def bounded(findings: Iterable[Finding]) -> list[Finding]:
    """The first 200 errors and the first 200 warnings: nobody reads more, and no file may cost more.

    Errors are never pushed out by warnings, so a bad file cannot look like a doubtful one.
    """
    kept: list[Finding] = []
    counts = dict.fromkeys(Severity, 0)
    for finding in findings:
        if counts[Severity.ERROR] == MOST_FINDINGS:
            break
        if counts[finding.severity] < MOST_FINDINGS:
            kept.append(finding)
            counts[finding.severity] += 1
    return kept


def has_errors(findings: Iterable[Finding]) -> bool:
    """Whether any of them keeps a definition from being used."""
    return any(finding.severity is Severity.ERROR for finding in findings)


def suggestion(wrong: str, known: Iterable[str]) -> str:
    """` (did you mean 'execute_freeze'?)` when a known name is near, else nothing."""
    near = difflib.get_close_matches(wrong, list(known), n=1, cutoff=0.6)
    return f" (did you mean {near[0]!r}?)" if near else ""


def listed(names: Iterable[str], *, most: int = 12) -> str:
    """Names as one readable list: `one of a, b, c`."""
    each = sorted(names)
    if not each:
        return "nothing, as none is known"
    more = f" … ({len(each) - most} more)" if len(each) > most else ""
    return f"one of {', '.join(each[:most])}{more}"
