"""Who in the directory is reached where."""

import pytest

from activities.adapters.address_book import DirectoryAddressBook
from domain.notices import Channel
from domain.people import Directory, Group, Principal, Role
from tests.fakes.rulebook import FakeRulebook

PHONE = "+8619900001234"
DIRECTORY = Directory(
    principals=(
        Principal(
            id="li.wei",
            name="Li",
            roles=frozenset({Role.REVIEWER}),
            groups=frozenset({"Accounts", "Night"}),
            email="li@bank.example",
            phone=PHONE,
            wecom="liwei",
        ),
        Principal(
            id="he.jing",
            name="He",
            roles=frozenset({Role.REVIEWER}),
            groups=frozenset({"Night"}),
            phone="+8619900005678",
        ),
    ),
    groups=(
        Group(name="Accounts", lead="li.wei", email="accounts@bank.example"),
        Group(name="Night"),
        Group(name="Empty"),
    ),
)


@pytest.mark.parametrize(
    ("to", "channel", "expected"),
    [
        ("li.wei", Channel.SMS, [PHONE]),
        ("he.jing", Channel.EMAIL, []),
        ("Accounts", Channel.EMAIL, ["accounts@bank.example"]),
        ("Accounts", Channel.SMS, [PHONE]),
        ("Accounts", Channel.WECOM, ["liwei"]),
        ("Night", Channel.SMS, [PHONE, "+8619900005678"]),
        ("Empty", Channel.SMS, []),
        ("nobody", Channel.EMAIL, []),
        ("li.wei", Channel.DASHBOARD, []),
        ("li.wei", Channel.WEBHOOK, ["li.wei"]),
        ("Accounts", Channel.WEBHOOK, ["Accounts"]),
        ("nobody", Channel.WEBHOOK, []),
    ],
)
def test_a_group_is_reached_itself_then_through_its_lead_then_its_members(
    to: str, channel: Channel, expected: list[str]
) -> None:
    book = DirectoryAddressBook(FakeRulebook(directory=DIRECTORY))
    assert list(book.addresses(to, channel)) == expected
