"""A short night through the real thing: faults, a killed worker, people, the visitor, the verdict."""

import json
import shutil
from pathlib import Path

import pytest

from tests.support.requirements import need
from workers.demo import night, promises, stage
from workers.demo.script import FOLDER
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
kill: {at: "20:18", orders_under_way: 0}
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

CHANGES = """
evening:
  - headline: A draft is checked
    commands:
      - run: sop check {folder}/drafts/card_dispute.yaml
        exit: 1
        show: ["did you mean 'acknowledge_receipt'"]
night:
  - name: edit
    at: "20:01"
    headline: Two people sign
    edits:
      - {file: definitions/sops/balance_letter.yaml, old: "version: one", new: "version: two"}
      - {file: definitions/sops/balance_letter.yaml, old: "quorum: 1", new: "quorum: 2"}
  - name: mend
    at: "20:04"
    headline: The SOP is mended
    moves: order
    edits:
      - {file: definitions/sops/standing_order.yaml, old: "version: first", new: "version: mended"}
      - {file: definitions/sops/standing_order.yaml, old: fields.amout, new: fields.amount}
    commands:
      - {run: "ticket migrate {order} --reason mended", by: he.jun, patient: true}
  - name: first_release
    at: "20:22"
    headline: Only what two people released
    commands:
      - {run: sop publish --all, by: he.jun}
      - {run: sop release, by: he.jun, exit: 1, show: [four eyes]}
      - {run: sop release, by: lin.tao}
    serve_library: true
  - name: release
    at: "20:23"
    headline: The next change
    edits:
      - {file: definitions/sops/balance_letter.yaml, old: "version: two signature", new: "version: released"}
    commands:
      - {run: "sop publish {sops}/balance_letter.yaml", by: he.jun}
      - {run: sop release, by: lin.tao}
    released: sops/balance_letter.yaml
morning:
  - headline: The path of a ticket
    commands:
      - {run: "ticket graph {transfer} --out {folder}/path.svg", by: auditor, quiet: true, tell: drawn}
tickets:
  - at: "19:56"
    name: transfer
    ticket: {source: fraud_monitor, title: Three payments to a new payee, category: fraud, action: hold,
      account_ref: "6222020200000024", fields: {amount: "31000.00"}}
    answers: [{by: wu.xia, after: 3min, verb: reject, reason: A supplier}]
  - at: "19:57"
    name: order
    sop_version: mended
    ticket: {source: nightly_batch, title: Standing order left out, category: service, action: standing_order,
      account_ref: "6222020200000029", fields: {amount: "1250.00", beneficiary: A Landlord}}
    answers: [{by: sun.li, after: 1min, reason: The batch left it out}]
  - at: "19:58"
    sop_version: one signature
    ticket: {source: branch_portal, title: Letter for an auditor, category: service, action: balance_letter,
      customer_ref: C0002, account_ref: "6222020200000002"}
    answers: [{by: sun.li, at: "20:12", reason: Signed}]
  - at: "20:02"
    scene: edit
    sop_version: two signature
    ticket: {source: branch_portal, title: Letter for a visa, category: service, action: balance_letter,
      customer_ref: C0005, account_ref: "6222020200000005"}
    answers: [{by: sun.li, others: [zhang.min], after: 2min, reason: Signed}]
  - at: "20:24"
    scene: release
    sop_version: released
    ticket: {source: branch_portal, title: Letter for a tender, category: service, action: balance_letter,
      customer_ref: C0010, account_ref: "6222020200000010"}
"""


@pytest.mark.timeout(420)
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
    (tmp_path / "changes.yaml").write_text(CHANGES, encoding="utf-8")
    for name in ("sops", "drafts"):
        shutil.copytree(FOLDER / name, tmp_path / name)
    # A busy machine may be slow; that the right version served is what counts here.
    monkeypatch.setattr(promises, "SERVED_WITHIN_S", 60.0)

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
        "did you mean 'acknowledge_receipt'",
        "#12 runs under “released”",
        "he.jun published",
        "served by release 1",
        "Sun Li approved: 1 of 2",
        "Execute Freeze was undone",
        "✓ 12 tickets acknowledged: 10 ended, 2 wait for a person",
        "✓ no order took effect twice: 8 orders, 8 effects",
        "✓ the bank failed and was tried again: 9 attempts, 8 effects",
        "✓ the worker was killed 1 × and started again 1 ×",
        "✓ 4 tickets ran under the version that held when they came; 2 changes served the next ticket",
        "✓ #09 failed under a wrong SOP, was moved to the mended one, kept its deadline and was completed",
        "✓ 1 of 1 tickets was rejected after its effect, which the bank has undone",
        "✓ 8 commands of operations staff did what they should",
    ):
        # The ending is folded to the width of the screen.
        assert " ".join(sentence.split()) in " ".join(said.split()), said
    assert "<svg" in (tmp_path / "demo" / "path.svg").read_text(encoding="utf-8")
    for name in ("balance_letter", "standing_order"):
        shipped = (FOLDER / "sops" / f"{name}.yaml").read_text(encoding="utf-8")
        assert (tmp_path / "demo" / "definitions" / "sops" / f"{name}.yaml").read_text() != shipped
    sent = (tmp_path / "demo" / "outbox.jsonl").read_text(encoding="utf-8").splitlines()
    assert any(json.loads(line)["channel"] == "sms" for line in sent)
    assert not (tmp_path / "demo" / "runtime.json").exists()
