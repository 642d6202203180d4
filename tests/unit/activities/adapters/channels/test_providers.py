"""Several providers behind a channel: their order, their rest, what is told of them."""

from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.adapters.channels.failures import AddressRefused, Throttled
from activities.adapters.channels.providers import REST_S, Providers
from domain.errors import ChannelFailed, NotFound, StoreUnavailable
from domain.notices import Channel, Notice, ProviderHealth

NOTICE = Notice(notice_id="n", channel=Channel.SMS, to="C1", body="text")


class Scripted:
    """A provider that takes every message, or fails with `error`."""

    def __init__(self, name: str, error: ChannelFailed | None = None, only: Sequence[str] = ()) -> None:
        self.name, self.error, self.only = name, error, frozenset(only)
        self.asked = 0

    def send(self, notice: Notice, address: str) -> str:
        self.asked += 1
        if self.error is not None:
            raise self.error
        return "taken"


class Heard:
    """`ChannelHealth` that remembers what it was told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []
        self.down = False

    def announce(self, providers: Mapping[Channel, Sequence[str]]) -> None:
        raise AssertionError("senders announce nothing")

    def taken(self, channel: Channel, provider: str) -> None:
        self._tell(provider, "taken")

    def failed(self, channel: Channel, provider: str, reason: str) -> None:
        self._tell(provider, reason)

    def all(self) -> Sequence[ProviderHealth]:
        return ()

    def _tell(self, provider: str, what: str) -> None:
        if self.down:
            raise StoreUnavailable("the database does not answer")
        self.told.append((provider, what))


class Stage:
    """Providers under a clock that the test moves."""

    def __init__(self, *providers: Scripted) -> None:
        self.now = 0.0
        self.health = Heard()
        self.sender = Providers(Channel.SMS, providers, health=self.health, clock=lambda: self.now)

    def send(self, address: str = "+861") -> str:
        return self.sender.send(NOTICE, address)


def test_the_next_provider_takes_what_the_first_does_not() -> None:
    first, second = Scripted("first", ChannelFailed("down")), Scripted("second")
    stage = Stage(first, second)
    assert stage.send() == "second: taken"
    assert stage.health.told == [("first", "down"), ("second", "taken")]


def test_a_provider_that_failed_is_asked_last_for_a_minute_and_then_first_again() -> None:
    first, second = Scripted("first", ChannelFailed("down")), Scripted("second")
    stage = Stage(first, second)
    stage.send()
    stage.now = REST_S - 1
    stage.send()
    assert (first.asked, second.asked) == (1, 2)
    stage.now, first.error = REST_S + 1, None
    assert stage.send() == "first: taken"


def test_a_resting_provider_is_asked_all_the_same_when_no_other_takes_it() -> None:
    first, second = Scripted("first", ChannelFailed("down")), Scripted("second", ChannelFailed("down too"))
    stage = Stage(first, second)
    with pytest.raises(ChannelFailed, match="sms: first: down; second: down too"):
        stage.send()
    first.error = None
    assert stage.send() == "first: taken"


@pytest.mark.parametrize("error", [AddressRefused("no number"), Throttled("enough", 30)])
def test_a_provider_that_is_well_does_not_rest_and_has_no_failure(error: ChannelFailed) -> None:
    first = Scripted("first", error)
    stage = Stage(first, Scripted("second"))
    assert stage.send() == "second: taken"
    assert stage.health.told == [("second", "taken")]
    stage.send()
    assert first.asked == 2


def test_all_throttled_says_when_the_first_of_them_can_go_on() -> None:
    stage = Stage(Scripted("a", Throttled("enough", 40)), Scripted("b", Throttled("enough", 30)))
    with pytest.raises(Throttled) as later:
        stage.send()
    assert later.value.retry_in_s == 30


def test_an_address_that_a_provider_has_to_itself_goes_to_it_alone() -> None:
    robot, other = Scripted("robot", only=["accounts"]), Scripted("application")
    stage = Stage(robot, other)
    assert stage.send("accounts") == "robot: taken"
    assert stage.send("li.wei") == "application: taken"
    robot.error = ChannelFailed("down")
    with pytest.raises(ChannelFailed, match="sms: robot: down"):
        stage.send("accounts")
    assert other.asked == 1


def test_an_address_that_no_provider_serves_is_refused() -> None:
    with pytest.raises(AddressRefused, match="no provider serves"):
        Stage(Scripted("robot", only=["accounts"])).send("li.wei")


def test_one_provider_can_be_asked_by_name() -> None:
    stage = Stage(Scripted("first"), Scripted("second"))
    assert stage.sender.send_by("second", NOTICE, "+861") == "second: taken"
    with pytest.raises(NotFound, match="'third'; there are first, second"):
        stage.sender.send_by("third", NOTICE, "+861")


def test_success_is_told_once_a_minute_and_at_once_after_a_failure() -> None:
    first = Scripted("first")
    stage = Stage(first)
    stage.send()
    stage.now = 30
    stage.send()
    assert len(stage.health.told) == 1
    first.error = ChannelFailed("down")
    with pytest.raises(ChannelFailed):
        stage.send()
    first.error = None
    stage.send()
    assert stage.health.told[1:] == [("first", "down"), ("first", "taken")]


def test_a_store_that_is_down_holds_no_message_up() -> None:
    stage = Stage(Scripted("first", ChannelFailed("down")), Scripted("second"))
    stage.health.down = True
    assert stage.send() == "second: taken"


@given(st.lists(st.lists(st.booleans(), min_size=3, max_size=3), max_size=30), st.integers(0, 90))
def test_a_message_goes_unsent_only_when_every_provider_fails(works: list[list[bool]], gap: int) -> None:
    providers = [Scripted(f"p{number}") for number in range(3)]
    stage = Stage(*providers)
    for well in works:
        for provider, is_well in zip(providers, well, strict=True):
            provider.error = None if is_well else ChannelFailed("down")
            provider.asked = 0
        stage.now += gap
        try:
            stage.send()
        except ChannelFailed:
            assert not any(well)
            assert [each.asked for each in providers] == [1, 1, 1]
        else:
            assert any(well)
