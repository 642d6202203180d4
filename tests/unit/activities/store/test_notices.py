"""The notice log: what was sent is not sent again."""

from sqlalchemy import Row, select

from activities.adapters.store import Store
from activities.adapters.store.tables import notices
from domain.notices import Channel, Delivery, Notice

NOTICE = Notice(
    notice_id="T1/notify/1", channel=Channel.SMS, to="C-1001", body="Your account was frozen.", task_id="T1"
)


def attempt(store: Store, *, accepted: bool, repeated: bool = False, detail: str = "") -> None:
    delivery = Delivery(
        notice_id=NOTICE.notice_id,
        channel=NOTICE.channel,
        accepted=accepted,
        repeated=repeated,
        detail=detail,
    )
    store.notices.record(NOTICE, delivery)


def row(store: Store) -> Row[tuple[object, ...]]:
    with store.database.reading() as connection:
        return connection.execute(select(notices)).one()


def test_a_notice_counts_as_delivered_once_its_channel_took_it(store: Store) -> None:
    assert not store.notices.delivered(NOTICE.notice_id)
    attempt(store, accepted=False, detail="gateway busy")
    assert not store.notices.delivered(NOTICE.notice_id)
    attempt(store, accepted=True, detail="queued")
    assert store.notices.delivered(NOTICE.notice_id)
    assert not store.notices.delivered("T1/notify/2")


def test_once_taken_a_notice_stays_taken(store: Store) -> None:
    attempt(store, accepted=True)
    taken = row(store).accepted_at
    attempt(store, accepted=False, detail="gateway busy")
    assert store.notices.delivered(NOTICE.notice_id)
    assert row(store).accepted_at == taken


def test_attempts_are_counted_and_repeats_are_not_attempts(store: Store) -> None:
    attempt(store, accepted=False)
    attempt(store, accepted=True)
    attempt(store, accepted=True, repeated=True)
    assert row(store).attempts == 2


def test_the_log_keeps_where_it_went_and_never_what_it_said(store: Store) -> None:
    attempt(store, accepted=True, detail="x" * 5000)
    kept = row(store)
    assert (kept.task_id, kept.channel, kept.recipient) == ("T1", "sms", "C-1001")
    assert len(kept.detail) == 500
    assert NOTICE.body not in repr(kept)
