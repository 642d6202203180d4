"""Pages in the store: records that repeat change nothing, links that work once, overrides with an end."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from activities.adapters.store import Store
from domain.errors import Conflict, NotFound
from domain.page_views import PageProgress, PageStep, RefusedAcknowledgement
from domain.paging import Acknowledged, Due, PageRequest, PageState, Resolved, decide, opened
from domain.paging_policy import PagingPolicy
from domain.roster import Override

T0 = datetime(2026, 11, 23, 20, 0, tzinfo=UTC)
POLICY = PagingPolicy()


def a_page(page_id: str = "P1", **changes: object) -> PageRequest:
    return PageRequest.model_validate(
        {"page_id": page_id, "task_id": "T1", "subject": "High risk waits", "opened_at": T0, **changes}
    )


def a_step(number: int = 1, **changes: object) -> PageStep:
    return PageStep.model_validate({"step": number, "to": "ann", "reason": "first", "at": T0, **changes})


def ringing(page: PageRequest) -> PageState:
    return decide(POLICY, opened(page, POLICY, T0), Due(line=("ann", "bea")), T0).state


def progress(page: PageRequest, state: PageState, number: int, *steps: PageStep) -> PageProgress:
    return PageProgress(page=page, state=state, number=number, steps=steps)


def actions(store: Store) -> list[str]:
    return [row.action for row in store.audit.entries(task_id="T1")]


def test_a_page_is_shown_as_it_was_recorded(store: Store) -> None:
    page = a_page(choices=("批准", "拒绝"))
    state = ringing(page)
    store.pages.record(progress(page, state, 1, a_step()))
    store.pages.record(progress(page, state, 2, a_step(fate="sent", sent=("sms",), failed=("wecom: no",))))
    view = store.pages.page("P1")
    assert view is not None
    assert (view.page, view.state) == (page, state)
    assert view.page.digest == page.digest, "an acknowledgement is bound to this digest"
    assert [(step.fate, step.sent, step.failed) for step in view.steps] == [
        ("sent", ("sms",), ("wecom: no",))
    ]
    assert store.pages.page("P2") is None


def test_an_earlier_record_or_a_repeat_changes_nothing(store: Store) -> None:
    page = a_page()
    state = ringing(page)
    acknowledged = decide(POLICY, state, Acknowledged(by="ann"), T0).state
    late = progress(page, state, 1, a_step())
    store.pages.record(late)
    for _ in range(2):
        store.pages.record(progress(page, acknowledged, 2))
        store.pages.record(late)
    view = store.pages.page("P1")
    assert view is not None
    assert view.state == acknowledged
    assert actions(store) == ["page.opened", "page.acknowledged"]


def test_every_turn_of_a_page_has_one_audit_row(store: Store) -> None:
    page = a_page(asked_by="op.chen")
    state = ringing(page)
    store.pages.record(progress(page, state, 1))
    state = decide(POLICY, state, Acknowledged(by="ann"), T0).state
    store.pages.record(progress(page, state, 2))
    later = T0 + POLICY.stale_after
    state = decide(POLICY, state, Due(line=("ann", "bea")), later).state
    store.pages.record(progress(page, state, 3))
    refusal = RefusedAcknowledgement(at=later, actor="eve", code="not_permitted", message="eve 13800000000")
    store.pages.record(progress(page, state, 4).model_copy(update={"refused": (refusal,)}))
    state = decide(POLICY, state, Resolved(why="decided"), later).state
    store.pages.record(progress(page, state, 5))
    rows = store.audit.entries(task_id="T1")
    assert [(row.action, row.actor, row.accepted) for row in rows] == [
        ("page.opened", "op.chen", True),
        ("page.acknowledged", "ann", True),
        ("page.rings_again", "opsloop", True),
        ("page.acknowledgement.refused", "eve", False),
        ("page.closed", "opsloop", True),
    ]
    assert rows[3].reason == "eve ****0000"
    assert {row.detail["page_id"] for row in rows} == {"P1"}


def test_the_fence_falls_with_the_acknowledgement_and_with_the_end(store: Store) -> None:
    page = a_page()
    assert store.pages.may_ring("P1"), "what the store does not know yet may ring"
    state = ringing(page)
    store.pages.record(progress(page, state, 1))
    assert store.pages.may_ring("P1")
    acknowledged = decide(POLICY, state, Acknowledged(by="ann"), T0).state
    store.pages.record(progress(page, acknowledged, 2))
    assert not store.pages.may_ring("P1")


def test_open_pages_are_listed_the_latest_first(store: Store) -> None:
    for minute, page_id in enumerate(("P1", "P2", "P3")):
        page = a_page(page_id, opened_at=T0 + timedelta(minutes=minute))
        state = ringing(page)
        if page_id == "P2":
            state = decide(POLICY, state, Resolved(why="decided"), T0).state
        store.pages.record(progress(page, state, 1))
    assert [each.page.page_id for each in store.pages.pages()] == ["P3", "P2", "P1"]
    assert [each.page.page_id for each in store.pages.pages(open_only=True)] == ["P3", "P1"]
    assert len(store.pages.pages(limit=1)) == 1


def test_of_many_who_use_a_link_at_once_one_wins(store: Store) -> None:
    page = a_page()
    store.pages.record(progress(page, ringing(page), 1))
    with ThreadPoolExecutor(8) as threads:
        won = list(threads.map(lambda _: store.pages.claim_link("P1/1/ann", "P1", "ann"), range(8)))
    assert won.count(None) == 1
    assert {use.by for use in won if use is not None} == {"ann"}
    store.pages.release_link("P1/1/ann")
    assert store.pages.link_use("P1/1/ann") is None
    assert store.pages.claim_link("P1/1/ann", "P1", "ann") is None


def an_override(**changes: object) -> Override:
    return Override.model_validate(
        {
            "starts_at": datetime.now(UTC),
            "ends_at": datetime.now(UTC) + timedelta(hours=8),
            "people": ("ann",),
            "by": "op.chen",
            "why": "ill, 13800000000",
            **changes,
        }
    )


def test_overrides_are_kept_in_the_order_in_which_they_were_given(store: Store) -> None:
    given = [store.overrides.add(an_override(people=(name,))) for name in ("ann", "bea", "cai")]
    assert list(store.overrides.in_force(datetime.now(UTC))) == given
    assert len({each.override_id for each in given}) == 3
    assert store.overrides.in_force(datetime.now(UTC) + timedelta(hours=9)) == []
    rows = store.audit.entries()
    assert [row.reason for row in rows] == ["ill, ****0000"] * 3


def test_an_override_is_withdrawn_once(store: Store) -> None:
    kept = store.overrides.add(an_override())
    store.overrides.withdraw(kept.override_id, by="op.chen", why="well again")
    assert store.overrides.in_force(datetime.now(UTC)) == []
    with pytest.raises(Conflict):
        store.overrides.withdraw(kept.override_id, by="op.chen", why="again")
    with pytest.raises(NotFound):
        store.overrides.withdraw("ov-none", by="op.chen", why="again")
