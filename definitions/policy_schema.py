"""The JSON Schemas of the policy files, for editors: made from the models, so that they never lag behind.

`definitions/schemas/NAME.schema.json` is what `policy_schema` gives; `opsloop sop schema NAME` prints it.
A policy file whose first line is `# yaml-language-server: $schema=../schemas/NAME.schema.json` is completed
and checked while it is written. What policies mean together is for `opsloop sop check`.
"""

from collections.abc import Mapping
from typing import Any, Final

from definitions.calendar_files import CalendarFile
from definitions.json_schema import DIALECT, plain, schema_text
from definitions.policy_files import FILES

POLICIES: Final = tuple(FILES)
"""The names of the policies that have a schema."""
CALENDAR: Final = "calendar"
SCHEMAS: Final = (*POLICIES, CALENDAR)
"""Everything that has a schema, SOPs apart."""

_TRIGGER: Final = {
    "category": "what kind of ticket it is; with the action it chooses the SOP",
    "action": "what is asked for; with the category it chooses the SOP",
}
_LEAST: Final = {
    "least_risk": "at least this, whatever the source said",
    "priority": "P1 funds at risk, P2 customer impact, P3 process blocked, P4 routine",
}
_HOURS: Final = "the SLA in hours; the strictest of dispatch, SOP and category holds"

_DESCRIPTIONS: Final[Mapping[str, Mapping[str, str]]] = {
    "rules": {"rules": "tried from top to bottom; the first that matches wins"},
    "DispatchRule": {
        **_TRIGGER,
        "name": "what clerks read as the reason",
        "group": "of policies/directory.yaml: who gets the ticket",
        "priority": _LEAST["priority"],
        "risk": "an estimate; the SOP's risk assessor replaces it",
        "sla_hours": _HOURS,
    },
    "keywords": {
        "threshold": "the sum of weights from which on a group gets the ticket",
        "match": "word: only where a word begins; substring: anywhere. Chinese is found anywhere",
        "groups": "the largest sum wins; on a tie the group that stands first",
    },
    "KeywordGroup": {
        **_TRIGGER,
        **_LEAST,
        "group": "of policies/directory.yaml: who gets the ticket",
        "sla_hours": _HOURS,
        "words": "what each word or phrase weighs; one below zero speaks against the group",
    },
    "escalation": {**_TRIGGER, **_LEAST, "groups": "who takes what nobody knows, by risk"},
    "sla": {"policies": "one for each category; a category without one has 24 hours"},
    "SlaPolicy": {
        "category": "each once",
        "sla_hours": _HOURS,
        "pre_alert_ratio": "share of the SLA at which the dashboard shows it",
        "orange_alert_ratio": "share of the SLA at which the group is told",
        "red_alert_ratio": "share of the SLA at which the group's lead is told",
        "auto_escalation_ratio": "share of the SLA at which the rescue begins",
    },
    "duty": {
        "timezone": "where the bank's clocks hang, such as Asia/Shanghai",
        "non_working_days": "the mode of weekends and public holidays, all day",
        "modes": "by name; exactly one covers each minute of the day",
    },
    "DutyMode": {
        "time_range": "hours such as 08:00-18:00; may pass midnight",
        "auto_execute_risk": "risk up to here runs by itself",
        "auto_with_audit": "risk up to here runs by itself and is drawn for a spot check",
        "human_confirm": "people are at their desks: what is above is confirmed by one of them first",
        "escalation_threshold": "from here on somebody is told when a person is asked",
        "escalation_channel": "how that message travels",
    },
    "risk": {
        "base": "level of a category where no criterion applies; low where it is not named",
        "criteria": "the highest level that applies holds",
    },
    "RiskCriterion": {
        "id": "a name of its own, in snake case",
        "category": "only tickets of this category",
        "action": "only this action",
        "when": "a CEL expression over task, fields and amount_fen",
        "level": "what it makes of the ticket",
        "reason": "what a reviewer reads",
    },
    "alerts": {"levels": "by level; one without a rule lights the dashboard only"},
    "AlertRule": {
        "to": "who is told: the dashboard, the ticket's group, its lead or whoever is on call",
        "channels": "tried in this order until one takes the message",
    },
    "directory": {
        "principals": "people and services",
        "groups": "who works on tickets",
        "on_call": "principals in the order in which they are called",
    },
    "Principal": {
        "id": "how audit rows and tokens name them",
        "name": "what people read",
        "roles": "what they may do",
        "groups": "whose work they may decide on",
        "email": "for messages",
        "phone": "for SMS",
        "wecom": "their id there",
    },
    "Group": {
        "name": "as dispatch and SOPs name it",
        "lead": "the principal who is told of red alerts",
        "email": "for messages to the group",
        "wecom": "its id there",
    },
    "HumanTaskEntry": {
        "kind": "review: approve goes on, reject ends the ticket; manual: work by hand, then confirmed",
        "question": "what the person reads",
        "role": "who may answer",
        "group": "who; without it the ticket's own group",
        "on_late": "what silence means: wait tells them again, reject ends the ticket",
        "quorum": "how many have to approve",
        "four_eyes": "whoever handed the ticket in may not approve it",
        "form": "what whoever did the work fills in, by field",
    },
    "FormField": {"type": "what the answer can be", "required": "whether it must be filled in"},
    "screening": {"names": "one is hit when all its words appear, or when it is written almost the same"},
    "bank": {"country": "whose public holidays count: two letters, such as CN"},
    "http": {"services": "by the name that SOPs use"},
    "HttpService": {
        "methods": "that may be used",
        "headers": "sent with every call",
        "secret_header": "a header whose value the environment holds",
        "max_response_bytes": "of an answer; a longer one is cut, and its data says so",
    },
    "SecretHeader": {"name": "of the header"},
    "roster": {
        "timezone": "where its hours hang, such as Asia/Shanghai",
        "fallback": "paged after everybody else, and alone where no shift has anyone, in this order",
        "rotations": "shifts that relieve each other",
        "overrides": "somebody else for a while; the last one goes before the others",
    },
    "Rotation": {
        "name": "a name of its own",
        "groups": "whose pages it takes; none: those of every group that no other rotation names",
        "timezone": "instead of the roster's",
        "handover": "how long two shifts may overlap",
        "shifts": "who is on call at which hours",
    },
    "Shift": {
        "name": "a name of its own in the rotation",
        "hours": "local hours such as 23:30-08:00; equal ends are a whole day",
        "days": "the days on which it begins; default: every day",
        "first_on": "its first day; a shift with dates goes before those of every week",
        "last_on": "its last day",
        "people": "principals, in the order in which they are paged",
        "rotate": "weekly: each Monday the next in line becomes the first",
    },
    "Override": {
        "override_id": "how lists name it",
        "rotation": "only this one; default: all",
        "starts_at": "an instant with its zone, such as 2027-02-05T08:00:00+08:00",
        "ends_at": "an instant with its zone, after starts_at",
        "people": "paged before everybody else, in this order",
        "instead_of": "who is not paged meanwhile",
        "by": "who says so",
        "why": "what people read",
    },
    "paging": {
        "repeat_every": "between one notification and the next",
        "times": "how often a person is told before the page climbs to the next",
        "channels": "each is the backup of those before it",
        "stale_after": "how long an acknowledgement holds while nothing happens",
        "supervisor": "the group whose lead is told after everybody on call",
        "nobody_answers": "what happens when nobody acknowledges at all",
    },
    "NobodyAnswers": {
        "after": "counted from the first notification",
        "then": "keep_waiting rings on; manual_queue and reject stop, and approve nothing",
    },
}
"""Of fields whose models say it in prose only; a file's own fields stand under its name."""


def policy_schema(name: str) -> dict[str, Any]:
    """The schema of one policy file, `duty`, `rules` and so on, or of a calendar: a name of `SCHEMAS`."""
    path, model = (
        ("calendars/NAME.yaml", CalendarFile)
        if name == CALENDAR
        else (f"policies/{FILES[name].path}", FILES[name].model)
    )
    schema: dict[str, Any] = plain(model.model_json_schema(by_alias=True))
    for part, own in {name: schema, **schema.get("$defs", {})}.items():
        for field, description in _DESCRIPTIONS.get(part, {}).items():
            own["properties"][field]["description"] = description
    return {"$schema": DIALECT, "title": f"opsloop {path}", **schema}


def policy_schema_text(name: str) -> str:
    """The content of `schemas/NAME.schema.json`."""
    return schema_text(policy_schema(name))
