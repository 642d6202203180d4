"""How providers fare, as several workers tell it, on SQLite and PostgreSQL."""

import pytest

from activities.adapters.store import Store, open_store
from domain.errors import StoreUnavailable
from domain.notices import Channel


def shown(store: Store) -> list[tuple[str, str, int]]:
    return [(each.channel.value, each.provider, each.failures) for each in store.channels.all()]


def test_failures_in_a_row_are_counted_and_end_with_a_success(store: Store) -> None:
    store.channels.announce({Channel.SMS: ("sms-1", "spare")})
    assert shown(store) == [("sms", "sms-1", 0), ("sms", "spare", 0)]
    for reason in ("no connection", "answered 503"):
        store.channels.failed(Channel.SMS, "sms-1", reason)
    store.channels.taken(Channel.SMS, "spare")
    first, spare = store.channels.all()
    assert (first.failures, first.reason, first.taken_at) == (2, "answered 503", None)
    assert first.failed_at is not None and first.failed_at.tzinfo is not None
    assert spare.failures == 0 and spare.taken_at is not None
    store.channels.taken(Channel.SMS, "sms-1")
    first = store.channels.all()[0]
    assert (first.failures, first.reason) == (0, "answered 503")


def test_a_worker_that_starts_keeps_what_is_known_and_forgets_who_is_gone(store: Store) -> None:
    store.channels.announce({Channel.SMS: ("old", "sms-1"), Channel.EMAIL: ("email-1",)})
    store.channels.failed(Channel.SMS, "sms-1", "no connection")
    store.channels.announce({Channel.SMS: ("sms-1", "spare")})
    assert shown(store) == [("sms", "sms-1", 1), ("sms", "spare", 0)]
    assert [each.place for each in store.channels.all()] == [1, 2]
    store.channels.announce({})
    assert shown(store) == []


def test_who_was_never_announced_is_shown_last(store: Store) -> None:
    store.channels.failed(Channel.SMS, "a", "no connection")
    store.channels.announce({Channel.SMS: ("a", "b")})
    store.channels.taken(Channel.SMS, "aa")
    assert shown(store) == [("sms", "a", 1), ("sms", "b", 0), ("sms", "aa", 0)]


def test_a_store_without_tables_says_so(sqlite_url: str) -> None:
    with pytest.raises(StoreUnavailable):
        open_store(sqlite_url).channels.announce({Channel.SMS: ("sms-1",)})
