"""The JSON Schemas of the policy files, for editors: made from the models, so that they never lag behind.

`definitions/schemas/NAME.schema.json` is what `policy_schema` gives; `opsloop sop schema NAME` prints it.
A policy file whose first line is `# yaml-language-server: $schema=../schemas/NAME.schema.json` is completed
and checked while it is written. What policies mean together is for `opsloop sop check`.
"""

from collections.abc import Mapping
from typing import Any, Final

from definitions.json_schema import DIALECT, plain, schema_text
from definitions.policy_files import FILES

POLICIES: Final = tuple(FILES)
"""The names of the policies that have a schema."""

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
}
"""Of fields whose models say it in prose only; a file's own fields stand under its name."""


def policy_schema(name: str) -> dict[str, Any]:
    """The schema of one policy file: `duty`, `rules` and so on, as `POLICIES` has them."""
    path, model, _ = FILES[name]
    schema: dict[str, Any] = plain(model.model_json_schema(by_alias=True))
    for part, own in {name: schema, **schema.get("$defs", {})}.items():
        for field, description in _DESCRIPTIONS.get(part, {}).items():
            own["properties"][field]["description"] = description
    return {"$schema": DIALECT, "title": f"opsloop policies/{path}", **schema}


def policy_schema_text(name: str) -> str:
    """The content of `schemas/NAME.schema.json`."""
    return schema_text(policy_schema(name))
