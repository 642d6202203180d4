"""How a provider fails, and what may be said of it.

Reasons reach timelines, logs and screens: addresses, passwords and URLs (a WeCom robot's key is a part of
its URL) are taken out of them first.
"""

import hashlib
import re
from collections.abc import Collection
from urllib.parse import quote, unquote

from domain.errors import ChannelFailed

_LONGEST_REASON = 200


class AddressRefused(ChannelFailed):
    """The address is not one that the provider can reach: the message is at fault, not the provider."""


class Throttled(ChannelFailed):
    """The provider takes no more for now; `retry_in_s` says in how many seconds it will."""

    def __init__(self, message: str, retry_in_s: float) -> None:
        super().__init__(message)
        self.retry_in_s = retry_in_s


def message_id(notice_id: str) -> str:
    """What a notice is called outside: 32 hex digits, the same for every repeat."""
    return hashlib.sha256(notice_id.encode()).hexdigest()[:32]


def parts_of(url: str) -> list[str]:
    """Everything of a URL behind its scheme that could be a key, a password, an account or a host."""
    rest = url.partition("://")[2]
    return [unquote(part) for part in re.split(r"[/:@?&=#+,;]", rest)] + [rest]


def without_secrets(text: str, secrets: Collection[str]) -> str:
    """The text in one line, without these, without e-mail addresses and without long numbers."""
    shown = set(secrets) | {quote(each, safe="") for each in secrets}
    for each in sorted(shown, key=len, reverse=True):
        if len(each) > 2:
            text = text.replace(each, "***")
    text = re.sub(r"[^\s<>@\"']+@[^\s<>@\"']+", "***", text)
    text = re.sub(r"\+?\d{6,}", "***", text)
    return " ".join(text.split())[:_LONGEST_REASON]
