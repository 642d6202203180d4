"""SMS over any gateway that takes a JSON or form POST: what it wants and what it answers is in its URL."""

import json
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

from apprise.utils.parse import is_phone_no

from activities.adapters.channels.addresses import COMMON_OPTIONS, ProviderAddress, check_http, text_of
from activities.adapters.channels.failures import AddressRefused, message_id, without_secrets
from activities.adapters.channels.http_exchange import HttpExchange, found_at
from activities.adapters.channels.throttle import Pace
from domain.errors import ChannelFailed, InvalidInput
from domain.http_services import IDEMPOTENCY_HEADER
from domain.notices import Notice

_LONGEST_CODE: Final = 40
_NAMED: Final = {"to": "to", "text": "text", "id": "message_id"}
_TYPES: Final = {"json": "application/json; charset=utf-8", "form": "application/x-www-form-urlencoded"}


class HttpGateway:
    """One HTTP gateway. Its message carries our stable id, as a field and as `Idempotency-Key`.

    A gateway that answers 200 and takes nothing says so in its body: `expect` names where, and what stands
    there when it did take the message.
    """

    OPTIONS: Final = COMMON_OPTIONS | {"format", "expect", *_NAMED}
    PREFIXES: Final = ("send.", "header.")

    def __init__(self, address: ProviderAddress, *, timeout_s: float = 5.0) -> None:
        """Raises `InvalidInput` for an option that cannot be."""
        address.check_options(self.OPTIONS, self.PREFIXES)
        check_http(address, address.url)
        self.name, self.only = address.name, address.only
        self._address = address
        self._fields = {what: address.option(what) or usual for what, usual in _NAMED.items()}
        self._fixed = address.options_under("send.")
        self._headers = address.options_under("header.")
        self._format = address.option("format") or "json"
        if self._format not in _TYPES:
            raise InvalidInput(f"{address.place}: format: expected json or form", field=address.setting)
        if any(not f"{name}{value}".isascii() for name, value in self._headers.items()):
            raise InvalidInput(f"{address.place}: header: expected ASCII characters", field=address.setting)
        path, colon, wanted = address.option("expect").partition(":")
        if address.option("expect") and not (path and colon and wanted):
            raise InvalidInput(
                f"{address.place}: expect: expected PATH:VALUE such as code:0", field=address.setting
            )
        self._path, self._wanted = path, frozenset(wanted.split("|"))
        self._pace = Pace(address.per_minute) if address.per_minute else None
        self._exchange = HttpExchange(address.url, timeout_s=timeout_s)

    def send(self, notice: Notice, address: str) -> str:
        """Posts the message. Raises `ChannelFailed`."""
        if not is_phone_no(address):  # type: ignore[no-untyped-call]
            raise AddressRefused("the address is not one that the gateway can take")
        if self._pace is not None:
            self._pace.take("")
        identity = message_id(notice.notice_id)
        values = {"to": address, "text": text_of(notice), "id": identity}
        fields = {**self._fixed, **{self._fields[what]: value for what, value in values.items()}}
        answer = self._exchange.ask(
            "POST",
            self._address.url,
            content=self._written(fields),
            headers={**self._headers, "Content-Type": _TYPES[self._format], IDEMPOTENCY_HEADER: identity},
        )
        if self._path:
            self._check(answer, address)
        return "taken by the gateway"

    def _written(self, fields: Mapping[str, str]) -> bytes:
        if self._format == "form":
            return urlencode(fields).encode()
        body: dict[str, Any] = {}
        for name, value in fields.items():
            *outer, last = name.split(".")
            here = body
            for part in outer:
                here = here.setdefault(part, {})
            here[last] = value
        return json.dumps(body, ensure_ascii=False).encode()

    def _check(self, answer: Any, receiver: str) -> None:
        found = found_at(answer, self._path)
        if found in self._wanted:
            return
        said = "nothing" if found is None else self._shown(found, receiver)
        wanted = " or ".join(sorted(self._wanted))
        raise ChannelFailed(
            f"the gateway answered 2xx and took nothing: {self._path} is {said}, expected {wanted}"
        )

    def _shown(self, found: str, receiver: str) -> str:
        """A code as it stands; a longer text may repeat the message, or anything else."""
        is_code = len(found) <= _LONGEST_CODE and found.isascii() and found.replace("_", "").isalnum()
        return without_secrets(found, [receiver, *self._address.secrets]) if is_code else "a text of its own"
