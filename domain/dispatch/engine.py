"""The dispatcher: rules first, keyword weights as backup, escalation as the safety net (article)."""

from itertools import islice

import re2

from domain.digest import digest_of
from domain.dispatch.answer import DispatchAnswer, Evidence, Layer
from domain.dispatch.keywords import CompiledKeywords, GroupScore
from domain.dispatch.normalise import folded, half_width
from domain.dispatch.rules import CompiledRules
from domain.dispatch.tables import DispatchRule, DispatchTables
from domain.errors import DefinitionError
from domain.task import OpsTask, RiskLevel

UNKNOWN_CATEGORY = "other"
DEFAULT_ACTION = "handle"

_LONG_NUMBER = re2.compile(r"\d(?:[ -]?\d){3,}[ -]?(\d{4})")
"""An account, card or phone number: eight digits and more."""
_LONGEST_MATCH = 300
_LONGEST_QUOTE = 60
_SHOWN_WORDS = 8


class Dispatcher:
    """Compiled dispatch tables. It answers from the ticket's text alone, and always the same.

    Raises `DefinitionError` when the tables cannot be used: a pattern that RE2 refuses, a blank keyword,
    a risk level without an escalation group.
    """

    def __init__(self, tables: DispatchTables) -> None:
        self._rules = CompiledRules(tables.rules)
        self._keywords = CompiledKeywords(tables.keywords)
        self._escalation = tables.escalation
        self.tables_digest = digest_of(tables)
        least = tables.escalation.least_risk or RiskLevel.LOW
        for level in RiskLevel:
            if level.rank >= least.rank and level not in tables.escalation.groups:
                raise DefinitionError(f"escalation: no group takes unknown tickets of {level} risk")

    def dispatch(self, task: OpsTask) -> DispatchAnswer:
        """Where the ticket goes, and why."""
        text = half_width(task.text)
        rule = self._rules.first(text)
        if rule:
            return self._by_rule(*rule)
        scores = self._keywords.scores(folded(text))
        if scores and scores[0].total >= self._keywords.threshold:
            return self._by_keywords(task, scores)
        return self._by_escalation(task, scores)

    def _by_rule(self, rule: DispatchRule, matched: str) -> DispatchAnswer:
        matched = _shortened(_LONG_NUMBER.sub(r"****\1", matched), _LONGEST_MATCH)
        return DispatchAnswer(
            layer=Layer.RULES,
            group=rule.group,
            category=rule.category,
            action=rule.action,
            priority=rule.priority,
            risk=rule.risk,
            sla_hours=rule.sla_hours,
            evidence=Evidence(
                # Evidence travels into histories and logs; account numbers do not.
                reason=f'rule "{rule.name}" matched "{_shortened(matched, _LONGEST_QUOTE)}"',
                rule=rule.name,
                matched_text=matched,
            ),
            tables_digest=self.tables_digest,
        )

    def _by_keywords(self, task: OpsTask, scores: list[GroupScore]) -> DispatchAnswer:
        best = scores[0]
        group = best.group
        runner_up = scores[1].label if len(scores) > 1 else ""
        category, action = _kind(task) if group.category is None else (group.category, group.action)
        return DispatchAnswer(
            layer=Layer.KEYWORDS,
            group=group.group,
            category=category,
            action=action or DEFAULT_ACTION,
            priority=group.priority or task.priority,
            risk=task.risk_level.at_least(group.least_risk or RiskLevel.LOW),
            sla_hours=group.sla_hours,
            evidence=Evidence(
                reason=f"{_sum(best)} for {best.label} (threshold {self._keywords.threshold:g})"
                + (f"; runner-up {runner_up} with {scores[1].total:g}" if runner_up else ""),
                words=best.words,
                scores={score.label: score.total for score in scores},
                runner_up=runner_up,
            ),
            tables_digest=self.tables_digest,
        )

    def _by_escalation(self, task: OpsTask, scores: list[GroupScore]) -> DispatchAnswer:
        table = self._escalation
        risk = task.risk_level.at_least(table.least_risk or RiskLevel.LOW)
        group = table.groups[risk]
        category, action = _kind(task)
        kept = ""
        if task.category:
            kept = f"; {category}/{action} is kept as the source gave it"
        else:
            category, action = table.category or category, table.action or action
        unsure = "no keyword was found"
        if scores:
            unsure = (
                f"the best keyword score is {_sum(scores[0])} for {scores[0].label}, "
                f"below the threshold {self._keywords.threshold:g}"
            )
        return DispatchAnswer(
            layer=Layer.FALLBACK,
            group=group,
            category=category,
            action=action,
            priority=table.priority,
            risk=risk,
            evidence=Evidence(
                reason=f"no rule matched and {unsure}: {risk} risk goes to {group}{kept}",
                scores={score.label: score.total for score in scores},
                runner_up=scores[0].label if scores else "",
            ),
            tables_digest=self.tables_digest,
        )


def _kind(task: OpsTask) -> tuple[str, str]:
    """Category and action as the source gave them, where the tables say nothing."""
    if task.category is None:
        return UNKNOWN_CATEGORY, DEFAULT_ACTION
    return task.category, task.action or DEFAULT_ACTION


def _sum(score: GroupScore) -> str:
    """`account 3 + balance 2 = 5`; of a long list the heaviest words."""
    shown = [f"{word} {weight:g}" for word, weight in islice(score.words.items(), _SHOWN_WORDS)]
    if len(score.found) > _SHOWN_WORDS:
        shown.append(f"{len(score.found) - _SHOWN_WORDS} more")
    return f"{' + '.join(shown)} = {score.total:g}"


def _shortened(text: str, longest: int) -> str:
    """The text in one line, its middle left out where it is longer than this many characters."""
    line = " ".join(text.split())
    edge = longest // 2 - 1
    return line if len(line) <= longest else f"{line[:edge]} … {line[-edge:]}"
