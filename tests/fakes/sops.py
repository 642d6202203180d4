"""SOPs for tests of pictures: one with every kind of step, and random ones whose routes lead forward."""

from typing import Any

from hypothesis import strategies as st

from definitions.schema import Sop

EVERYTHING = {
    "name": 'Everything "at once" <b>&amp; ][',
    "id": "everything",
    "trigger": {"category": "accounts", "action": "freeze"},
    "steps": [
        {"name": '受理 "receipt" [now]', "id": "ack", "handler": "acknowledge_receipt", "async": True},
        {
            "name": "Large",
            "when": "double(fields.amount) > 50000.0",
            "review": {"question": "May we?", "deadline": "1h", "on_late": "reject"},
            "on_reject": ["repair"],
        },
        {
            "name": "Papers",
            "handler": "auth_validator",
            "on_error": {"bank_unavailable": ["repair"], "any": ["manual_freeze"]},
        },
        {"name": "Repair", "manual": {"instructions": "Mend it."}},
        {
            "name": "Risk",
            "handler": "risk_assessor",
            "branch": {"high": ["escalate_to_compliance", "freeze"], "low": ["release"]},
        },
        {
            "name": "Freeze",
            "handler": "core_system_freeze",
            "fallback": "manual_freeze",
            "compensate": "core_system_freeze",
        },
        {"name": "Release", "wait": {"event": "release_order", "deadline": "2h", "on_late": "reject"}},
        {
            "name": "Book",
            "foreach": {
                "items": "fields.invoices",
                "as": "invoice",
                "steps": [
                    {
                        "name": "Screen",
                        "handler": "sanctions_screener",
                        "branch": {"clear": ["tell"], "hit": ["reject"]},
                    },
                    {"name": "Tell", "handler": "sms_notifier", "async": True},
                ],
            },
        },
        {
            "name": "Poll",
            "repeat": {
                "until": "true",
                "limit": 9,
                "steps": [
                    {
                        "name": "Sides",
                        "parallel": {
                            "left": [{"name": "Left", "wait": {"duration": "5min"}}],
                            "right": [{"name": "Right", "manual": {"instructions": "Do it."}}],
                        },
                    }
                ],
            },
            "on_error": {"any": ["reject"]},
        },
        {"name": "Check", "call": "kyc", "with": {}},
    ],
}
CALLED = {
    "name": "KYC",
    "steps": [
        {"name": "Ask", "handler": "sanctions_screener", "branch": {"clear": ["finish"], "hit": ["look"]}},
        {"name": "Look", "review": {"question": "Is it all right?"}},
    ],
}


def everything() -> tuple[Sop, dict[str, Sop]]:
    """An SOP with every kind of step and every kind of route, and the SOP that it calls."""
    called = Sop.model_validate(CALLED)
    return Sop.model_validate(EVERYTHING), {called.id: called}


@st.composite
def sops(draw: st.DrawFn, names: st.SearchStrategy[str] | None = None) -> Sop:
    """SOPs of handlers, people and blocks that branch to later steps, to handlers, and to the end."""
    number = iter(range(1000))

    def sequence(depth: int) -> list[dict[str, Any]]:
        ids = [f"s{next(number)}" for _ in range(draw(st.integers(1, 5 if depth == 2 else 2)))]
        return [one(step_id, ids[index + 1 :], depth) for index, step_id in enumerate(ids)]

    def one(step_id: str, later: list[str], depth: int) -> dict[str, Any]:
        step: dict[str, Any] = {
            "name": draw(names) if names is not None else f"Step {step_id}",
            "id": step_id,
        }
        targets = st.lists(
            st.sampled_from([*later, "escalate_to_compliance", "reject", "finish"]), max_size=3, unique=True
        )
        if draw(st.booleans()) and draw(st.booleans()):
            step["when"] = "risk == 'high'"
        kind = draw(st.sampled_from(["handler", "effect", "person", "background", *["block"] * (depth > 0)]))
        if kind == "handler":
            step["handler"] = "risk_assessor"
            step["branch"] = draw(
                st.dictionaries(st.sampled_from(["low", "medium", "high"]), targets, min_size=1)
            )
            step["on_error"] = draw(st.dictionaries(st.sampled_from(["any", "not_found"]), targets))
        elif kind == "effect":
            step |= {"handler": "core_system_freeze", "fallback": "manual_freeze"}
            step |= draw(st.sampled_from([{}, {"compensate": "core_system_freeze"}]))
        elif kind == "background":
            step |= {"handler": "sms_notifier", "async": True}
        elif kind == "person":
            step["review"] = {"question": "May we?"}
            if draw(st.booleans()):
                step["on_reject"] = draw(targets)
        else:
            block = draw(st.sampled_from(["foreach", "repeat", "parallel"]))
            inner = sequence(depth - 1)
            if block == "foreach":
                step["foreach"] = {"items": "fields.items", "steps": inner}
            elif block == "repeat":
                step["repeat"] = {"until": "true", "limit": 3, "steps": inner}
            else:
                step["parallel"] = {"one": inner, "two": sequence(depth - 1)}
        return step

    name = draw(names) if names is not None else "Random"
    return Sop.model_validate({"name": name, "id": "random", "steps": sequence(2)})
