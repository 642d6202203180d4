"""The JSON Schema of the SOP language, for editors: made from the models, so that it never lags behind.

`definitions/sop.schema.json` is what `sop_schema` gives; `opsloop sop schema` writes it anew. An SOP file
whose first line is `# yaml-language-server: $schema=../sop.schema.json` is completed and checked while it is
written. It knows the form of an SOP; what an SOP means is for `opsloop sop check`.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from definitions.schema import KINDS, Sop
from domain import duration

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

_DURATION: Final = r"^\s*([0-9]{1,9}(\.[0-9]{1,6})?\s*(ms|min|s|m|h|d|w)\s*)+$"
_HANDLER: Final = {"type": "string", "pattern": "^[a-z][a-z0-9_]{0,63}$"}

_DESCRIPTIONS: Final[Mapping[str, Mapping[str, str]]] = {
    "Escalation": {
        "at": "SLA time since receipt; before the end of the SLA",
        "to": "a group or person of policies/directory.yaml, or `group`, `lead` or `on_call`",
        "channel": "how the message travels",
    },
    "FormField": {
        "type": "what the answer can be",
        "required": "whether it must be filled in",
    },
}
"""Of fields whose models are also used elsewhere."""

_EXACTLY_ONE: Final[Mapping[str, tuple[str, ...]]] = {
    "Step": KINDS,
    "Wait": ("duration", "until", "event"),
    "LegalClock": ("within", "working_days", "until"),
}


def sop_schema() -> dict[str, Any]:
    """The schema of one SOP file."""
    schema: dict[str, Any] = plain(Sop.model_json_schema(by_alias=True))
    models = schema["$defs"]
    for name, fields in _DESCRIPTIONS.items():
        for field, description in fields.items():
            models[name]["properties"][field]["description"] = description
    for name, fields_of in _EXACTLY_ONE.items():
        models[name]["oneOf"] = [{"required": [field]} for field in fields_of]
    step = models["Step"]["properties"]
    step["compensate"] = {
        "description": step["compensate"]["description"],
        "anyOf": [_HANDLER, {"$ref": "#/$defs/Compensation"}],
    }
    schema["properties"]["version"]["type"] = ["string", "number"]
    return {
        "$schema": DIALECT,
        "title": "opsloop SOP",
        **schema,
    }


def sop_schema_text() -> str:
    """The content of `sop.schema.json`."""
    return schema_text(sop_schema())


def schema_text(schema: Mapping[str, Any]) -> str:
    """A schema as it stands in a file."""
    return json.dumps(schema, ensure_ascii=False, indent=2) + "\n"


def plain(part: Any) -> Any:
    """A model's schema without what helps no editor: titles made of names, null for saying nothing."""
    if isinstance(part, list):
        return [plain(each) for each in part]
    if not isinstance(part, dict):
        return part
    kept = {name: plain(value) for name, value in part.items() if not _is_title(name, value)}
    choices = kept.get("anyOf")
    if choices and {"type": "null"} in choices:
        rest = [each for each in choices if each != {"type": "null"}]
        del kept["anyOf"]
        kept = {**rest[0], **kept} if len(rest) == 1 else {**kept, "anyOf": rest}
    if kept.get("default", ...) in (None, ""):
        del kept["default"]
    if "examples" in kept and kept.get("type") == "string":
        kept["pattern"] = _DURATION
        if kept["description"] != duration.EXPECTED:
            kept["description"] += f": {duration.EXPECTED}"
    if "patternProperties" in kept:
        kept["additionalProperties"] = False
    return kept


def _is_title(name: str, value: Any) -> bool:
    return name == "title" and isinstance(value, str)
