"""A short night through the real thing: faults, a killed worker, people, the visitor, the verdict."""

import json
from pathlib import Path

import pytest

from tests.support.requirements import need
from workers.demo import night, stage
from workers.dev_server import TemporalNotInstalled, temporal_command
from workers.settings import Settings

HOURS = """
begins: "19:55"
ends: "20:35"
factor: 120
faults:
  - at: "20:03"
    headline: The core bank will freeze and never answer
    bank:
      - {kind: commit_then_timeout, account: "6222020200000013", count: 1}
      - {kind: error_500, account: "6222020200000016", count: 1}
kill: {at: "20:15", orders_under_way: 0}
"""

TICKETS = """
- at: "19:55"
  ticket:
    source: mobile_bank
    title: Lost my card, please freeze 1,500.00 on my account
    account_ref: "6222020200000004"
    fields: {authority: customer, document_no: request 1, identity_verified: true, amount: "1500.00"}
  again: 2min
- at: "19:56"
  ticket: {source: service_desk, title: Monthly report attached}
- at: "20:04"
  ticket:
    source: police_line
    title: 公安机关止付：电信诈骗涉案资金
    account_ref: "6222020200000013"
    fields:
      authority: police
      measure: stop
      document_no: 公止付1号
      amount: "120000.00"
      period: 48h
      name_match: true
      transfer_at: "{at-16min}"
  headlines: {confirmed_by_inquiry: Frozen once}
- at: "20:05"
  ticket:
    source: police_line
    title: Police order to freeze 60,000.00 for six months
    account_ref: "6222020200000016"
    fields: {authority: police, document_no: 公冻2号, amount: "60000.00", period: 6 months}
- at: "20:06"
  ticket:
    source: police_line
    title: Police stop payment, papers to follow
    account_ref: "6222020200000022"
    fields: {authority: police, measure: stop, amount: "30000.00", period: 48h, name_match: true,
      transfer_at: "{at-1h}"}
  answers:
    - {by: xu.hong, after: 1min, verb: reject, reason: The precinct knows of no such notice}
- at: "20:17"
  ticket:
    source: mobile_bank
    title: 银行卡遗失，请冻结账户资金8000元
    account_ref: "6222020200000007"
    fields: {authority: customer, document_no: 申请3, identity_verified: true, amount: "8000.00"}
- at: "20:20"
  ticket:
    source: trade_portal
    title: Cross-border payment of CNY 5,200,000.00
    account_ref: "6222020200000030"
    fields:
      bic: BANKCHZZ
      iban: CH9300762011623852957
      beneficiary: Oberland Anlagenbau AG
      currency: CNY
      amount: "5200000.00"
      purpose_code: "121010"
      value_date: "{morning}"
  visitor: true
  answers:
    - {by: wang.fang, at: "20:35", reason: Papers agree}
"""


@pytest.mark.timeout(240)
def test_a_night_keeps_its_promises_whatever_breaks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first start is given too little time, as a slow machine would have, and is made again."""
    try:
        temporal_command()
    except TemporalNotInstalled as missing:
        need(False, str(missing))
    monkeypatch.setattr(stage, "_ALLOWANCES_S", (0.1, 15.0, 60.0))
    monkeypatch.setenv(night.EXIT_VARIABLE, "1")
    monkeypatch.setenv("OPSLOOP_CORE_BANK_TIMEOUT_S", "1.5")
    (tmp_path / "night.yaml").write_text(HOURS, encoding="utf-8")
    (tmp_path / "tickets.yaml").write_text(TICKETS, encoding="utf-8")

    code = night.play(Settings(data_dir=tmp_path), tmp_path)

    said = capsys.readouterr().out
    assert code == 0, said
    assert "once more, with more time" in said
    assert "✗" not in said
    for sentence in (
        "handed in again by its source: the same ticket",
        "== Night duty",
        "SIGKILL",
        "== Frozen once",
        "Xu Hong rejected: The precinct knows of no such notice",
        "review approve",
        "✓ 7 tickets acknowledged: 6 ended, 1 wait for a person",
        "✓ no order took effect twice: 5 orders, 5 effects",
        "✓ the bank failed and was tried again: 6 attempts, 5 effects",
        "✓ the worker was killed 1 × and started again 1 ×",
    ):
        assert sentence in said, said
    sent = (tmp_path / "demo" / "outbox.jsonl").read_text(encoding="utf-8").splitlines()
    assert any(json.loads(line)["channel"] == "sms" for line in sent)
    assert not (tmp_path / "demo" / "runtime.json").exists()
