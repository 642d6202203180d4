"""The seed tables answer as the article's code does."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from domain.dispatch.engine import Dispatcher
from domain.dispatch.normalise import folded, half_width
from domain.task import OpsTask, Priority, RiskLevel
from tests.support.dispatching import SEED, tables_in, ticket

DISPATCHER = Dispatcher(tables_in(SEED))
VECTORS = json.loads((Path(__file__).parent / "seed_vectors.json").read_text(encoding="utf-8"))

# The article's tables and functions, line for line; its task is a plain object here.
DISPATCH_RULES = [
    {
        "name": "Account Freeze",
        "pattern": r"(freeze|stop payment|limit).*account",
        "category": "accounts",
        "group": "Account Operations",
        "priority": Priority.P1,
        "risk": RiskLevel.HIGH,
        "sla_hours": 1.0,
    },
    {
        "name": "Cross-border Settlement",
        "pattern": r"(cross-border|SWIFT|remittance).*settlement",
        "category": "settlement",
        "group": "International Settlement",
        "priority": Priority.P2,
        "risk": RiskLevel.MEDIUM,
        "sla_hours": 4.0,
    },
    {
        "name": "Customer Complaint",
        "pattern": r"(complaint|dissatisfied|report)",
        "category": "complaint",
        "group": "Customer Experience",
        "priority": Priority.P2,
        "risk": RiskLevel.HIGH,
        "sla_hours": 2.0,
    },
    {
        "name": "Reconciliation Discrepancy",
        "pattern": r"(reconcil|discrepancy|imbalance)",
        "category": "settlement",
        "group": "Reconciliation",
        "priority": Priority.P3,
        "risk": RiskLevel.MEDIUM,
        "sla_hours": 8.0,
    },
]
KEYWORD_SCORES = {
    "Account Operations": {"account": 3, "balance": 2, "open": 2, "close": 2, "freeze": 3},
    "International Settlement": {"cross-border": 3, "SWIFT": 3, "forex": 2, "remittance": 2, "settlement": 2},
    "Customer Experience": {"complaint": 3, "dissatisfied": 2, "feedback": 1, "report": 3, "service": 1},
    "Reconciliation": {"reconcile": 3, "discrepancy": 2, "imbalance": 2, "statement": 1, "verify": 2},
    "Compliance Review": {"AML": 3, "anti-money": 3, "suspicious": 2, "sanctions": 3, "screening": 2},
}
ESCALATION_GROUPS = {
    RiskLevel.HIGH: "Operations Supervisor",
    RiskLevel.MEDIUM: "Operations Dispatch",
    RiskLevel.LOW: "General Processing",
}


class ArticleTask:
    def __init__(self, title: str, description: str, risk_level: RiskLevel = RiskLevel.LOW) -> None:
        self.title = title
        self.description = description
        self.risk_level = risk_level
        self.priority = Priority.P4
        self.assigned_group = ""
        self.sla_hours = 24.0


def rule_based_dispatch(task: ArticleTask) -> Any:
    text = f"{task.title} {task.description}"
    for rule in DISPATCH_RULES:
        if re.search(rule["pattern"], text, re.IGNORECASE):  # type: ignore[call-overload]
            return (rule["group"], rule["priority"], rule["risk"], rule["sla_hours"])
    return None


def keyword_dispatch(task: ArticleTask, threshold: float = 4.0) -> str | None:
    scores = {}
    text = f"{task.title} {task.description}"
    for group, word_weights in KEYWORD_SCORES.items():
        score = sum(weight for word, weight in word_weights.items() if word.lower() in text.lower())
        if score > 0:
            scores[group] = score
    if not scores:
        return None
    best_group = max(scores, key=scores.get)  # type: ignore[arg-type]
    return best_group if scores[best_group] >= threshold else None


def dispatch_task(task: ArticleTask) -> ArticleTask:
    result = rule_based_dispatch(task)
    if result:
        task.assigned_group, task.priority, task.risk_level, task.sla_hours = result
        return task
    group = keyword_dispatch(task)
    if group:
        task.assigned_group = group
        return task
    task.assigned_group = ESCALATION_GROUPS[task.risk_level]
    task.priority = Priority.P3
    return task


def by_the_article(task: OpsTask) -> dict[str, Any]:
    done = dispatch_task(ArticleTask(task.title, task.description, task.risk_level))
    return {
        "group": done.assigned_group,
        "priority": done.priority.value,
        "risk": done.risk_level.value,
        "sla_hours": done.sla_hours,
    }


def by_us(task: OpsTask) -> dict[str, Any]:
    done = DISPATCHER.dispatch(task).applied_to(task)
    return {
        "group": done.assigned_group,
        "priority": done.priority.value,
        "risk": done.risk_level.value,
        "sla_hours": done.sla_hours,
    }


@pytest.mark.parametrize(
    "vector", VECTORS, ids=lambda vector: f"{vector['risk_level']}: {vector['text'][:40]}"
)
def test_a_vector_holds_for_the_articles_code_and_for_ours(vector: dict[str, Any]) -> None:
    task = ticket(vector["text"], risk_level=vector["risk_level"])

    assert by_the_article(task) == vector["answer"]
    assert by_us(task) == vector["answer"]
    assert DISPATCHER.dispatch(task).layer == vector["layer"]


FRAGMENTS = st.sampled_from(
    sorted(
        {word for words in KEYWORD_SCORES.values() for word in words}
        | {
            "stop payment",
            "limit",
            "Reconciliation",
            "Accounts",
            "unfreeze",
            "frozen",
            "\n",
            ". ",
            "请冻结",
            "—",
        }
        | {"ACCOUNT", "swift", "Settlement", "opening", "reports", "statements", "a", "x1", "the", "  "}
    )
)
TEXTS = st.one_of(
    st.lists(FRAGMENTS, min_size=1, max_size=12).map(" ".join),
    st.lists(FRAGMENTS, min_size=1, max_size=12).map("".join),
    st.text(min_size=1, max_size=80),
)


@given(text=TEXTS, risk=st.sampled_from(RiskLevel))
def test_group_priority_risk_and_sla_equal_the_articles(text: str, risk: RiskLevel) -> None:
    # The article does not know of width, and to Python a dotless i is an i. Everywhere else we agree.
    assume(half_width(text) == text and folded(text) == text.lower() and not set("ıİ") & set(text))
    title = text.replace("\n", " ").strip() or "-"
    task = OpsTask(
        task_id="T1", source="test", external_id="1", title=title[:300], description=text, risk_level=risk
    )

    assert by_us(task) == by_the_article(task)


def test_the_seed_files_are_the_articles_tables() -> None:
    tables = tables_in(SEED)

    assert [(each.name, each.pattern, each.category, each.group) for each in tables.rules] == [
        (each["name"], each["pattern"], each["category"], each["group"]) for each in DISPATCH_RULES
    ]
    assert {each.group: each.words for each in tables.keywords.groups} == KEYWORD_SCORES
    assert tables.escalation.groups == ESCALATION_GROUPS


def test_without_a_category_in_the_keyword_group_the_tickets_own_is_kept() -> None:
    plain = DISPATCHER.dispatch(ticket("AML screening"))
    told = DISPATCHER.dispatch(ticket("AML screening", category="compliance", action="review"))

    assert (plain.category, plain.action) == ("other", "handle")
    assert (told.category, told.action) == ("compliance", "review")
