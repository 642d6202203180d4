"""What dispatching one ticket costs, beside the article's own loop, in one run.

    python -m bench.dispatch [--json] [--turns N]

Tickets of 1,100 characters in English and Chinese; one in three is taken by a rule, one in three by keywords
and one by nobody. Rules, keywords and tickets come from a seeded generator, so every run measures the same.
"""

import argparse
import json
import re
import time
from collections.abc import Callable, Sequence
from itertools import product
from random import Random
from statistics import fmean, median, quantiles

from domain.dispatch.answer import Layer
from domain.dispatch.engine import Dispatcher
from domain.dispatch.tables import DispatchRule, DispatchTables, EscalationTable, KeywordGroup, KeywordTable
from domain.task import OpsTask, Priority, RiskLevel

CHARACTERS = 1100
TICKETS = 60
RULES = 200
KEYWORDS = 1000
PASSES = 6
THRESHOLD = 9
"""Above what filler text gathers by chance, so that every layer has its share of the tickets."""
GROUPS = ("Accounts", "Payments", "Cards", "Loans", "Complaints", "Reconciliation", "Compliance", "Treasury")


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


VERBS = _words("""
    freeze release amend recall confirm reject approve reverse settle book match verify suspend renew
    extend close reopen transfer cancel correct investigate escalate allocate refund credit debit screen
    register archive notify
""")
NOUNS = _words("""
    account payment remittance invoice statement deposit loan card mandate beneficiary instruction
    ledger nostro guarantee cheque balance limit fee interest collateral branch terminal customer
    supplier voucher certificate transaction message confirmation schedule
""")
QUALIFIERS = _words("""
    overdue duplicate missing unsigned foreign corporate personal urgent partial blocked dormant joint
    pending disputed expired incorrect unmatched returned failed delayed
""")
FILLERS = _words("""
    please kindly today yesterday morning team we they has have been was were from with about regarding
    because after before again still since branch manager asked said told that this which number office
    desk attached below above note thanks regards week month quarter system screen shows nothing else
    until further
""")
CHINESE = _words("""
    客户来电反映 相关材料已经提交 请协助核实 柜面经办人员 附件为截图 账户余额 汇款指令 到期日
    重复入账 请尽快回复
""")

ARTICLE_RULES = (
    (r"(freeze|stop payment|limit).*account", "Account Operations", Priority.P1, RiskLevel.HIGH, 1.0),
    (
        r"(cross-border|SWIFT|remittance).*settlement",
        "International Settlement",
        Priority.P2,
        RiskLevel.MEDIUM,
        4.0,
    ),
    (r"(complaint|dissatisfied|report)", "Customer Experience", Priority.P2, RiskLevel.HIGH, 2.0),
    (r"(reconcil|discrepancy|imbalance)", "Reconciliation", Priority.P3, RiskLevel.MEDIUM, 8.0),
)
ARTICLE_KEYWORDS = {
    "Account Operations": {"account": 3, "balance": 2, "open": 2, "close": 2, "freeze": 3},
    "International Settlement": {"cross-border": 3, "SWIFT": 3, "forex": 2, "remittance": 2, "settlement": 2},
    "Customer Experience": {"complaint": 3, "dissatisfied": 2, "feedback": 1, "report": 3, "service": 1},
    "Reconciliation": {"reconcile": 3, "discrepancy": 2, "imbalance": 2, "statement": 1, "verify": 2},
    "Compliance Review": {"AML": 3, "anti-money": 3, "suspicious": 2, "sanctions": 3, "screening": 2},
}
ARTICLE_ESCALATION = {
    RiskLevel.HIGH: "Operations Supervisor",
    RiskLevel.MEDIUM: "Operations Dispatch",
    RiskLevel.LOW: "General Processing",
}


def article_dispatch(task: OpsTask) -> str:
    """The article's `dispatch_task`, loop for loop; returns the group."""
    text = f"{task.title} {task.description}"
    for pattern, rule_group, _, _, _ in ARTICLE_RULES:
        if re.search(pattern, text, re.IGNORECASE):
            return rule_group
    scores: dict[str, int] = {}
    for group, word_weights in ARTICLE_KEYWORDS.items():
        score = sum(weight for word, weight in word_weights.items() if word.lower() in text.lower())
        if score > 0:
            scores[group] = score
    if scores:
        best = max(scores, key=lambda name: scores[name])
        if scores[best] >= 4.0:
            return best
    return ARTICLE_ESCALATION[task.risk_level]


def tables(rules: int, keywords: int) -> DispatchTables:
    """Tables of this size: rules such as `(recall|amend)\\b[^.]{0,40}\\bduplicate invoice`."""
    random = Random(7)  # noqa: S311 - reproducible, nothing secret
    phrases = list(product(VERBS, QUALIFIERS, NOUNS))
    random.shuffle(phrases)
    written = tuple(
        DispatchRule(
            name=f"Rule {number + 1}",
            pattern=rf"\b(?:{verb}|{random.choice(VERBS)})\b[^.]{{0,40}}\b{qualifier} {noun}",
            category="settlement",
            group=GROUPS[number % len(GROUPS)],
            priority=Priority.P2,
            risk=RiskLevel.MEDIUM,
            sla_hours=4,
        )
        for number, (verb, qualifier, noun) in enumerate(phrases[:rules])
    )
    words = [*CHINESE, *NOUNS, *QUALIFIERS, *VERBS]
    pairs = [f"{first} {second}" for first, second in product((*QUALIFIERS, *VERBS), NOUNS)]
    random.shuffle(pairs)
    words = (words + pairs)[:keywords]
    groups = tuple(
        KeywordGroup(
            group=group,
            words={word: random.choice((0.5, 1.0, 2.0, 3.0)) for word in words[index :: len(GROUPS)]},
        )
        for index, group in enumerate(GROUPS)
    )
    return DispatchTables(
        rules=written,
        keywords=KeywordTable(threshold=THRESHOLD, groups=groups),
        escalation=EscalationTable(groups=ARTICLE_ESCALATION, least_risk=RiskLevel.MEDIUM),
    )


def tickets(rules: Sequence[DispatchRule]) -> list[OpsTask]:
    """Tickets of 1,100 characters; every third has a sentence that one of the rules takes."""
    random = Random(11)  # noqa: S311 - reproducible, nothing secret
    made = []
    for number in range(TICKETS):
        subject = (VERBS, QUALIFIERS, NOUNS)
        business_share = (0.08, 0.2, 0.02)[number % 3]
        sentences = []
        if number % 3 == 0:
            verb, rest = re.findall(r"\(\?:(\w+)\|.*\\b([\w ]+)$", random.choice(rules).pattern)[0]
            sentences.append(f"Kindly {verb} the {rest}.")
        while sum(map(len, sentences)) < CHARACTERS:
            length = random.randint(8, 16)
            words = [
                random.choice(random.choice(subject))
                if random.random() < business_share
                else random.choice(FILLERS)
                for _ in range(length)
            ]
            sentences.append(" ".join(words).capitalize() + ".")
            if number % 4 == 0:
                sentences.append("".join(random.sample(CHINESE, 2)) + "。")
        first, *others = sentences
        random.shuffle(others)
        title = f"Ticket {number:03d}"
        body = " ".join([*others[:4], first, *others[4:]])[: CHARACTERS - len(title) - 1]
        made.append(
            OpsTask(
                task_id=f"B{number:03d}",
                title=title,
                description=body,
                source="bench",
                external_id=f"{number}",
            )
        )
    return made


def measure(
    functions: dict[str, Callable[[OpsTask], object]], work: Sequence[OpsTask], turns: int
) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Microseconds of every call, steady and after other work.

    The functions take turns, so that they share the machine's moods. In a turn all tickets pass several
    times. The first pass finds the caches full of the other function's data, so it is kept apart.
    """
    clock = time.perf_counter_ns
    steady: dict[str, list[float]] = {name: [] for name in functions}
    after_other_work: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(turns):
        for name, function in functions.items():
            for number in range(PASSES + 1):
                spent = steady[name] if number else after_other_work[name]
                for task in work:
                    began = clock()
                    function(task)
                    spent.append((clock() - began) / 1000)
    return steady, after_other_work


def run(turns: int) -> dict[str, float | int]:
    """All figures, times in microseconds a ticket."""
    standard = tables(RULES, KEYWORDS)
    work = tickets(standard.rules)
    began = time.perf_counter()
    dispatcher = Dispatcher(standard)
    compile_ms = (time.perf_counter() - began) * 1000
    began = time.perf_counter()
    answers = [dispatcher.dispatch(task) for task in work]
    cold_us = (time.perf_counter() - began) * 1e6 / len(work)
    layers = {layer: sum(answer.layer is layer for answer in answers) for layer in Layer}

    few, many = Dispatcher(tables(10, KEYWORDS)), Dispatcher(tables(1000, KEYWORDS))
    # Rules stop a ticket early, so growth is measured on tickets that neither set of rules takes.
    untaken = [task for task in work if many.dispatch(task).layer is not Layer.RULES]
    spent, disturbed = measure({"opsloop": dispatcher.dispatch, "article": article_dispatch}, work, turns)
    sizes, _ = measure({"few": few.dispatch, "many": many.dispatch}, untaken, turns)
    cuts = quantiles(spent["opsloop"], n=100)
    return {
        "p50_us": round(cuts[49], 1),
        "p99_us": round(cuts[98], 1),
        "mean_us": round(fmean(spent["opsloop"]), 1),
        "seed_us": round(median(spent["article"]), 1),
        "growth": round(median(sizes["many"]) / median(sizes["few"]), 3),
        "us_with_10_rules": round(median(sizes["few"]), 1),
        "us_with_1000_rules": round(median(sizes["many"]), 1),
        "after_other_work_us": round(median(disturbed["opsloop"]), 1),
        "first_sight_us": round(cold_us, 1),
        "compile_ms": round(compile_ms, 1),
        "rules": RULES,
        "keywords": KEYWORDS,
        "characters": CHARACTERS,
        "tickets": len(work),
        "calls": len(spent["opsloop"]),
        **{f"by_{layer}": count for layer, count in layers.items()},
    }


MEANINGS = {
    "p50_us": "dispatch, half of the tickets are quicker (µs)",
    "p99_us": "dispatch, 99 of 100 tickets are quicker (µs)",
    "mean_us": "dispatch, mean (µs)",
    "seed_us": "the article's loop, 4 rules and 5 groups, same tickets (µs, median)",
    "growth": "cost with 1,000 rules over cost with 10",
    "us_with_10_rules": "dispatch with 10 rules (µs, median)",
    "us_with_1000_rules": "dispatch with 1,000 rules (µs, median)",
    "after_other_work_us": "dispatch with the caches full of something else (µs, median)",
    "first_sight_us": "dispatch by a fresh engine that never saw the tickets (µs, mean)",
    "compile_ms": "compiling the tables, once (ms)",
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.dispatch", description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one flat object")
    parser.add_argument("--turns", type=int, default=12, help="turns of each engine")
    arguments = parser.parse_args()
    figures = run(arguments.turns)
    if arguments.json:
        print(json.dumps(figures))
        return
    print(
        f"{figures['tickets']} tickets of {CHARACTERS} characters, {RULES} rules, {KEYWORDS} keywords; "
        f"{figures['by_rules']} by rule, "
        f"{figures['by_keywords']} by keywords, {figures['by_fallback']} by nobody"
    )
    for name, meaning in MEANINGS.items():
        print(f"{figures[name]:>10}  {name:<20} {meaning}")


if __name__ == "__main__":
    main()
