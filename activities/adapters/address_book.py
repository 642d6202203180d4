"""Where staff are reached: the bank's directory, read anew for each message."""

from collections.abc import Iterable, Sequence

from activities.ports import RulebookSource
from domain.notices import Channel
from domain.people import Directory, Group, Principal


class DirectoryAddressBook:
    """Implements `AddressBook` on `directory.yaml`. Customers are not in it: see `CoreBank.contact`."""

    def __init__(self, source: RulebookSource) -> None:
        self._source = source

    def addresses(self, to: str, channel: Channel) -> Sequence[str]:
        """All addresses of a principal id or group name on a channel; empty when there is none.

        A group is reached at its own address, else at its lead's, else at its members': a channel on
        which a group cannot have an address (SMS) reaches the person who answers for it, and a group
        without a lead is never silently unreachable. A webhook is told the id or name itself.
        """
        directory = self._source.current().directory
        principal = directory.principal(to)
        if principal is not None:
            return _known([_of(principal, channel)])
        group = directory.group(to)
        if group is None:
            return ()
        return (
            _known([_of(group, channel)])
            or _known([_of(directory.principal(group.lead), channel)])
            or _known(_of(each, channel) for each in _members(directory, group))
        )


def _members(directory: Directory, group: Group) -> Iterable[Principal]:
    return (each for each in directory.principals if group.name in each.groups)


def _of(who: Principal | Group | None, channel: Channel) -> str:
    match channel, who:
        case Channel.EMAIL, Principal() | Group():
            return who.email
        case Channel.WECOM, Principal() | Group():
            return who.wecom
        case Channel.SMS, Principal():
            return who.phone
        case Channel.WEBHOOK, Principal():
            return who.id
        case Channel.WEBHOOK, Group():
            return who.name
        case _:
            return ""


def _known(addresses: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(each for each in addresses if each))
