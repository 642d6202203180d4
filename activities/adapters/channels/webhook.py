"""Webhooks: JSON by POST, signed as https://www.standardwebhooks.com/ says.

webhook-id          our stable id: a repeat has the same
webhook-timestamp   seconds since 1970, of this attempt
webhook-signature   v1, and the base64 of HMAC-SHA256 over `id.timestamp.body`
"""

import base64
import binascii
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from typing import Final

from pydantic import SecretStr

from activities.adapters.channels.addresses import COMMON_OPTIONS, ProviderAddress, check_http
from activities.adapters.channels.failures import message_id
from activities.adapters.channels.http_exchange import HttpExchange
from activities.adapters.channels.throttle import Pace
from domain.errors import InvalidInput
from domain.notices import Notice

_PREFIX: Final = "whsec_"
_LEAST_BYTES: Final = 24
_EXPECTED: Final = (
    f"OPSLOOP_WEBHOOK_SECRET: expected {_PREFIX} and the base64 of at least {_LEAST_BYTES} random bytes"
)


def signing_key(secret: SecretStr | None) -> bytes:
    """The key of a `whsec_…` secret. Raises `InvalidInput`, which never shows it."""
    text = secret.get_secret_value() if secret is not None else ""
    try:
        key = base64.b64decode(text.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not text.startswith(_PREFIX) or len(key) < _LEAST_BYTES:
        raise InvalidInput(_EXPECTED, field="webhook_secret")
    return key


def signature(key: bytes, identity: str, timestamp: str, body: bytes) -> str:
    """What the header `webhook-signature` holds; a receiver computes the same and compares."""
    signed = f"{identity}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


class WebhookSender:
    """One receiver of webhooks. Whom a message is for is the name of a group or the id of a person."""

    def __init__(
        self,
        address: ProviderAddress,
        key: bytes,
        *,
        timeout_s: float = 5.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        address.check_options(COMMON_OPTIONS)
        check_http(address, address.url)
        self.name, self.only = address.name, address.only
        self._url = address.url
        self._key = key
        self._clock = clock
        self._pace = Pace(address.per_minute) if address.per_minute else None
        self._exchange = HttpExchange(address.url, timeout_s=timeout_s)

    def send(self, notice: Notice, address: str) -> str:
        """Posts the message. Raises `ChannelFailed`."""
        if self._pace is not None:
            self._pace.take("")
        identity = message_id(notice.notice_id)
        content = {
            "type": "notice",
            "id": identity,
            "to": address,
            "subject": notice.subject,
            "body": notice.body,
            "task_id": notice.task_id,
        }
        body = json.dumps(content, ensure_ascii=False).encode()
        timestamp = str(int(self._clock()))
        self._exchange.ask(
            "POST",
            self._url,
            content=body,
            headers={
                "Content-Type": "application/json",
                "webhook-id": identity,
                "webhook-timestamp": timestamp,
                "webhook-signature": signature(self._key, identity, timestamp, body),
            },
        )
        return "taken by the receiver"
