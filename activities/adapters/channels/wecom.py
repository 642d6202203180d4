"""WeCom: robots of group chats, and an application that writes to members.

Both answer 200 whatever happens; what happened is the `errcode` inside. The URLs are Apprise's, so that a
setting means the same in both:

    wecombot://KEY#for=account-operations                  one group's robot; its key stays in the settings
    wecombot://{address}                                   robots whose keys are the groups' addresses
    wechat://CORPID:SECRET@AGENT/{address}                 the application, for members

The option `at` names a WeCom of one's own (`#at=https://wecom.bank.example`).
"""

import json
import string
import threading
import time
from collections.abc import Callable
from typing import Any, Final

from activities.adapters.channels.addresses import (
    COMMON_OPTIONS,
    ProviderAddress,
    check_http,
    credentials,
    text_of,
)
from activities.adapters.channels.failures import AddressRefused, Throttled, message_id
from activities.adapters.channels.http_exchange import HttpExchange
from activities.adapters.channels.throttle import Pace
from domain.errors import ChannelFailed, InvalidInput
from domain.notices import Notice

ROBOT_PER_MINUTE: Final = 20
MEMBER_PER_MINUTE: Final = 30
MESSAGE_ID_HEADER: Final = "X-Opsloop-Message-Id"
_PUBLIC: Final = "https://qyapi.weixin.qq.com"
_LONGEST_TEXT: Final = 2048
"""Bytes of UTF-8; WeCom cuts or refuses what is longer."""
_KEY_LETTERS: Final = frozenset(string.ascii_letters + string.digits + "_-")
_MEMBER_LETTERS: Final = _KEY_LETTERS | frozenset(".@")
_TOO_MANY: Final = frozenset({45009, 45033})
_TOKEN_OVER: Final = frozenset({40001, 40014, 42001})
_NOBODY: Final = frozenset({40003, 60111, 81013, 82001})
_MEANINGS: Final = {
    40001: "the secret is not the application's",
    40013: "the corporation is not known",
    40014: "the access token is not valid",
    45009: "too many messages",
    48002: "the application may not use this interface",
    60020: "this machine's address is not on the application's list",
    60011: "the application may not write to this member",
    81013: "nobody has this address",
    93000: "no robot has this key",
}
_EARLY_S: Final = 300.0
_PAUSE_S: Final = 60.0


class WeComRobot:
    """The robot of one group chat, or of the group whose address is its key."""

    OPTIONS: Final = COMMON_OPTIONS | {"at"}

    def __init__(self, address: ProviderAddress, *, timeout_s: float = 5.0) -> None:
        address.check_options(self.OPTIONS)
        _, _, key = credentials(address.url)
        self._key = "" if key == "{address}" else key
        if not key or not _written_in(_KEY_LETTERS, self._key):
            raise InvalidInput(
                f"{address.place}: expected wecombot://KEY or wecombot://{{address}}", field=address.setting
            )
        if self._key and not address.only:
            raise InvalidInput(
                f"{address.place}: a robot writes to one group only; expected #for= and the wecom address "
                "of the group in the directory",
                field=address.setting,
            )
        self.name, self.only = address.name, address.only
        self._pace = Pace(address.per_minute or ROBOT_PER_MINUTE)
        self._url = f"{_origin(address)}/cgi-bin/webhook/send"
        self._exchange = HttpExchange(self._url, timeout_s=timeout_s)

    def send(self, notice: Notice, address: str) -> str:
        """Posts the message into the chat. Raises `ChannelFailed`."""
        key = self._key or address
        if not key or not _written_in(_KEY_LETTERS, key):
            raise AddressRefused("the address is not a robot's key")
        self._pace.take(key)
        answer = _post(self._exchange, self._url, {"key": key}, notice, {})
        code = _errcode(answer)
        if code == 0:
            return "taken by the robot"
        raise _failure(code, lambda: self._pace.close(key, _PAUSE_S))


class WeComApplication:
    """An application that writes to members. Its access token is kept until shortly before it ends."""

    OPTIONS: Final = COMMON_OPTIONS | {"at"}

    def __init__(
        self,
        address: ProviderAddress,
        *,
        timeout_s: float = 5.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        address.check_options(self.OPTIONS)
        self._corporation, self._secret, self._agent = credentials(address.url)
        if not (self._corporation and self._secret and self._agent.isdecimal()):
            raise InvalidInput(
                f"{address.place}: expected wechat://CORPID:SECRET@AGENT/{{address}}", field=address.setting
            )
        self.name, self.only = address.name, address.only
        self._pace = Pace(address.per_minute or MEMBER_PER_MINUTE)
        self._origin = _origin(address)
        self._exchange = HttpExchange(self._origin, timeout_s=timeout_s)
        self._clock = clock
        self._lock = threading.Lock()
        self._token, self._token_ends = "", 0.0

    def send(self, notice: Notice, address: str) -> str:
        """Writes to the member. Raises `ChannelFailed`."""
        # `|` separates members and `@all` is everybody: an address is one member.
        if not address or not _written_in(_MEMBER_LETTERS, address) or address == "@all":
            raise AddressRefused("the address is not a member's id")
        self._pace.take(address)
        receiver = {"touser": address, "agentid": int(self._agent)}
        url = f"{self._origin}/cgi-bin/message/send"
        answer: Any = None
        for fresh in (False, True):
            token = self._access_token(fresh=fresh)
            answer = _post(self._exchange, url, {"access_token": token}, notice, receiver)
            if _errcode(answer) not in _TOKEN_OVER:
                break
        code = _errcode(answer)
        if code == 0 and not answer.get("invaliduser"):
            return "taken by the application"
        if code == 0:
            raise AddressRefused("the application does not reach this member (invaliduser)")
        raise _failure(code, lambda: self._pace.close(address, _PAUSE_S))

    def _access_token(self, *, fresh: bool) -> str:
        with self._lock:
            if not fresh and self._token and self._clock() < self._token_ends:
                return self._token
            answer = self._exchange.ask(
                "GET",
                f"{self._origin}/cgi-bin/gettoken",
                params={"corpid": self._corporation, "corpsecret": self._secret},
            )
            code = _errcode(answer)
            token = answer.get("access_token") if isinstance(answer, dict) else None
            if code != 0 or not isinstance(token, str) or not token:
                raise ChannelFailed(f"no access token: {_said(code)}")
            ends_in = answer.get("expires_in")
            self._token = token
            self._token_ends = self._clock() + (ends_in if isinstance(ends_in, int) else 0) - _EARLY_S
            return token


def _origin(address: ProviderAddress) -> str:
    origin = address.option("at").rstrip("/") or _PUBLIC
    check_http(address, origin)
    return origin


def _written_in(letters: frozenset[str], text: str) -> bool:
    return len(text) <= 64 and letters.issuperset(text)


def _post(
    exchange: HttpExchange, url: str, params: dict[str, str], notice: Notice, receiver: dict[str, Any]
) -> Any:
    body = {**receiver, "msgtype": "text", "text": {"content": _shortened(text_of(notice))}}
    return exchange.ask(
        "POST",
        url,
        params=params,
        content=json.dumps(body, ensure_ascii=False).encode(),
        headers={"Content-Type": "application/json", MESSAGE_ID_HEADER: message_id(notice.notice_id)},
    )


def _shortened(text: str) -> str:
    written = text.encode()
    if len(written) <= _LONGEST_TEXT:
        return text
    mark = " …"
    return written[: _LONGEST_TEXT - len(mark.encode())].decode(errors="ignore") + mark


def _errcode(answer: Any) -> int | None:
    code = answer.get("errcode") if isinstance(answer, dict) else None
    return code if isinstance(code, int) else None


def _said(code: int | None) -> str:
    if code is None:
        return "WeCom answered 2xx without an errcode"
    meaning = _MEANINGS.get(code, "WeCom's list of error codes says why")
    return f"WeCom answered errcode {code}: {meaning}"


def _failure(code: int | None, close: Callable[[], None]) -> ChannelFailed:
    if code in _TOO_MANY:
        close()
        return Throttled(f"{_said(code)}; the next one can go in {_PAUSE_S:.0f} s", _PAUSE_S)
    return AddressRefused(_said(code)) if code in _NOBODY else ChannelFailed(_said(code))
