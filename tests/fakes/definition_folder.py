"""A definitions folder as small as it can be while being complete, for tests that edit one thing in it."""

from pathlib import Path

FILES = {
    "sops/general.yaml": """\
name: General
trigger: {category: other}
steps:
  - name: Handle Request
    manual: {instructions: Do what the ticket asks., deadline: 8h}
""",
    "sops/freeze.yaml": """\
name: Freeze
trigger: {category: accounts, action: freeze}
steps:
  - {name: Risk, handler: risk_assessor}
  - {name: Freeze, handler: core_system_freeze, fallback: manual_freeze, compensate: {none: it was ordered}}
sla: 1h
escalation: {at: 45min, to: Night Desk}
""",
    "policies/dispatch/rules.yaml": """\
rules:
  - name: Freeze
    pattern: (freeze|stop payment).*account
    category: accounts
    action: freeze
    group: Accounts
    priority: P1
    risk: medium
    sla_hours: 1
""",
    "policies/dispatch/keywords.yaml": """\
threshold: 4
groups:
  - group: Accounts
    words: {account: 3, balance: 2}
""",
    "policies/dispatch/escalation.yaml": """\
groups:
  low: Accounts
  medium: Accounts
  high: Night Desk
""",
    "policies/sla.yaml": """\
policies:
  - {category: accounts, sla_hours: 1}
""",
    "policies/duty.yaml": """\
modes:
  daytime:
    time_range: 08:00-20:00
    auto_execute_risk: low
    human_confirm: true
    escalation_threshold: medium
  nighttime:
    time_range: 20:00-08:00
    auto_execute_risk: low
    auto_with_audit: medium
    escalation_threshold: high
""",
    "policies/risk.yaml": """\
criteria:
  - id: large_amount
    when: amount_fen >= 50000000
    level: high
    reason: the amount is large
""",
    "policies/alerts.yaml": """\
levels:
  red: {to: lead, channels: [sms]}
  critical: {to: on_call, channels: [sms]}
""",
    "policies/directory.yaml": """\
principals:
  - {id: ann, name: Ann, roles: [reviewer, oncall], groups: [Accounts, Night Desk]}
  - {id: bob, name: Bob, roles: [reviewer, operator], groups: [Accounts, Night Desk]}
groups:
  - {name: Accounts, lead: bob}
  - {name: Night Desk}
on_call: [ann]
""",
    "policies/human_tasks.yaml": """\
manual_freeze: {kind: manual, question: Freeze by hand., group: Accounts, deadline: 30min}
escalate_to_compliance: {kind: review, question: Say whether this is lawful, group: Accounts, deadline: 1h}
""",
    "policies/screening.yaml": """\
names: [Blocked Trading Ltd]
""",
    "policies/bank.yaml": """\
country: CN
""",
}


def write_definitions(folder: Path, **changes: str | None) -> Path:
    """Writes the folder. `changes` replace whole files, or leave them out with None; keys are paths."""
    for name, text in {**FILES, **changes}.items():
        if text is not None:
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    return folder


def edited(name: str, old: str, new: str) -> str:
    """The file of this name with one place changed."""
    text = FILES[name]
    assert old in text, f"{name} has no {old!r}"
    return text.replace(old, new, 1)
