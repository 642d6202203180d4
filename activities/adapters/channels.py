"""The ways out: e-mail over SMTP, SMS and WeCom over Apprise.

A sender says `ChannelFailed` with the channel's reason; addresses, passwords and gateway URLs (a WeCom
robot's key is a part of its URL) are taken out of it first, because reasons reach timelines and logs.

SMS and WeCom are Apprise URLs (https://appriseit.com/services/) with two places to fill:

    {address}      the receiver: a number, a WeCom user id, a robot's key
    {message_id}   optional: the notice's stable id, for gateways that can recognise a repeat

    twilio://SID:TOKEN@SENDER/{address}             wecombot://{address}
    wechat://CORPID:SECRET@AGENT/{address}          json://127.0.0.1:8492/sms/{address}
"""

import hashlib
import logging
import re
import smtplib
import ssl
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Collection
from contextlib import closing, suppress
from email import policy
from email.message import EmailMessage
from email.utils import formatdate, parseaddr
from ipaddress import ip_address
from urllib.parse import quote, unquote, urlsplit

from apprise import Apprise, AppriseAsset, NotifyBase, NotifyFormat
from apprise.utils.parse import is_phone_no
from pydantic import SecretStr

from activities.ports import ChannelSender
from domain.errors import ChannelFailed, InvalidInput
from domain.notices import Channel, Notice

_SAMPLE_ADDRESSES = {Channel.SMS: "+8619900000000", Channel.WECOM: "sample"}


def channel_senders(
    *,
    email_url: SecretStr | None,
    email_from: str,
    sms_url: SecretStr | None,
    wecom_url: SecretStr | None,
    timeout_s: float = 5.0,
    wecom_per_minute: int = 20,
) -> dict[Channel, ChannelSender]:
    """A sender for each channel that has a URL; a channel without one is absent.

    `timeout_s` bounds connecting and each answer, in seconds. `wecom_per_minute` is what WeCom takes for
    one robot; it drops the rest without an error. Raises `InvalidInput` naming the setting, never its
    value, for a URL that cannot be used.
    """
    senders: dict[Channel, ChannelSender] = {}
    if email_url is not None:
        senders[Channel.EMAIL] = EmailSender(email_url, email_from, timeout_s=timeout_s)
    if sms_url is not None:
        senders[Channel.SMS] = AppriseSender(Channel.SMS, sms_url, timeout_s=timeout_s)
    if wecom_url is not None:
        senders[Channel.WECOM] = AppriseSender(
            Channel.WECOM, wecom_url, timeout_s=timeout_s, per_minute=wecom_per_minute
        )
    return senders


def message_id(notice_id: str) -> str:
    """What a notice is called outside: 32 hex digits, the same for every repeat."""
    return hashlib.sha256(notice_id.encode()).hexdigest()[:32]


class EmailSender:
    """E-mail over SMTP, with a `Message-ID` that a repeat shares, so that mail systems can drop it.

    The standard library's client and not Apprise's, which writes a `Message-ID` of its own into every
    message, beside one that is handed in. `smtps://` is TLS from the start; `smtp://` turns to TLS where
    the server offers it, and a password is sent without TLS to this machine alone.
    """

    def __init__(self, url: SecretStr, sender: str, *, timeout_s: float = 5.0) -> None:
        parts = urlsplit(url.get_secret_value())
        try:
            port = parts.port
        except ValueError:
            port = -1
        if parts.scheme not in ("smtp", "smtps") or not parts.hostname or port == -1:
            raise InvalidInput(
                "OPSLOOP_EMAIL_URL: expected smtp://[user:password@]host:port or smtps://…", field="email_url"
            )
        if "@" not in parseaddr(sender)[1]:
            raise InvalidInput("OPSLOOP_EMAIL_FROM: expected an e-mail address", field="email_from")
        self._tls_from_start = parts.scheme == "smtps"
        self._host = parts.hostname
        self._port = port or (465 if self._tls_from_start else 25)
        self._user = unquote(parts.username or "")
        self._password = unquote(parts.password or "")
        self._sender = sender
        self._domain = parseaddr(sender)[1].rpartition("@")[2]
        self._timeout_s = timeout_s
        self._tls = ssl.create_default_context()

    def send(self, notice: Notice, address: str) -> str:
        """Hands the message to the server; returns its `Message-ID`. Raises `ChannelFailed`."""
        try:
            message = self._message(notice, address)
            with closing(self._connection()) as server:
                self._secure(server)
                server.send_message(message, parseaddr(self._sender)[1], [address])
                # The server has the message: a bad farewell must not make us send it again.
                with suppress(smtplib.SMTPException, OSError):
                    server.quit()
        except (smtplib.SMTPException, OSError, ValueError) as error:
            reason = _without_secrets(_smtp_reason(error), [address, self._user, self._password, self._host])
            raise ChannelFailed(f"email: {reason}") from None
        return f"taken by the mail server as {message['Message-ID']}"

    def _message(self, notice: Notice, address: str) -> EmailMessage:
        message = EmailMessage(policy=policy.SMTP)
        message["From"] = self._sender
        message["To"] = address
        message["Subject"] = " ".join(notice.subject.split())
        message["Date"] = formatdate(usegmt=True)
        message["Message-ID"] = f"<{message_id(notice.notice_id)}@{self._domain}>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(notice.body)
        return message

    def _connection(self) -> smtplib.SMTP:
        # Our name is given: smtplib would look it up, and that may take long.
        if self._tls_from_start:
            return smtplib.SMTP_SSL(
                self._host, self._port, self._domain, timeout=self._timeout_s, context=self._tls
            )
        return smtplib.SMTP(self._host, self._port, self._domain, timeout=self._timeout_s)

    def _secure(self, server: smtplib.SMTP) -> None:
        server.ehlo_or_helo_if_needed()
        encrypted = self._tls_from_start
        if not encrypted and not _is_this_machine(self._host) and server.has_extn("starttls"):
            server.starttls(context=self._tls)
            encrypted = True
        if not self._user:
            return
        if not encrypted and not _is_this_machine(self._host):
            raise smtplib.SMTPNotSupportedError("the server offers no TLS, and a password needs it")
        server.login(self._user, self._password)


class AppriseSender:
    """Any of Apprise's services, for the channel whose setting holds its URL.

    An HTTP 2xx is what Apprise takes for success; what a gateway says inside such an answer it does not read.
    """

    def __init__(
        self, channel: Channel, url: SecretStr, *, timeout_s: float = 5.0, per_minute: int | None = None
    ) -> None:
        _keep_urls_out_of_logs()
        self._channel = channel
        self._template = url
        self._timeout_s = timeout_s
        self._pace = Pace(per_minute) if per_minute else None
        # Our own retries are Temporal's; a redirect would carry the key to somebody else.
        self._asset = AppriseAsset(
            app_id="opsloop",
            secure_logging=True,
            http_redirects=False,
            storage_mode="memory",
            service_timeout=0,
        )
        setting = f"{channel.value}_url"
        expected = f"OPSLOOP_{setting.upper()}: expected an Apprise URL"
        if "{address}" not in url.get_secret_value():
            raise InvalidInput(f"{expected} with {{address}} in it", field=setting)
        if self._service(_SAMPLE_ADDRESSES.get(channel, "sample"), message_id("sample")) is None:
            raise InvalidInput(f"{expected} such as json://host:port/path/{{address}}", field=setting)

    def send(self, notice: Notice, address: str) -> str:
        """Posts the message; returns the service's name. Raises `ChannelFailed`."""
        if not self._takes(address):
            raise ChannelFailed(f"{self._channel}: the address is not one that the gateway can take")
        if self._pace is not None:
            wait_s = self._pace.take(address)
            if wait_s > 0:
                raise ChannelFailed(
                    f"{self._channel}: {self._pace.per_minute} messages in a minute have gone to this "
                    f"address; the next one can go in {wait_s:.0f} s"
                )
        service = self._service(address, message_id(notice.notice_id))
        if service is None:
            raise ChannelFailed(f"{self._channel}: the gateway's URL cannot be used with this address")
        gateway = Apprise(asset=self._asset)
        gateway.add(service)
        result = gateway.notify(
            title=notice.subject, body=notice.body or notice.subject, body_format=NotifyFormat.TEXT
        )
        if not result:
            said = " ".join(entry.message for entry in result.logs())
            secrets = [address, *_parts(self._template.get_secret_value())]
            raise ChannelFailed(
                f"{self._channel}: {_without_secrets(said, secrets) or 'the gateway gave no reason'}"
            )
        return f"taken by {service.service_name}"

    def _takes(self, address: str) -> bool:
        # Some of Apprise's services drop a number that is none, and then write to the sender instead.
        if self._channel is Channel.SMS:
            return bool(is_phone_no(address))  # type: ignore[no-untyped-call]
        return address.isprintable() and not any(each in address for each in " /\\")

    def _service(self, address: str, identity: str) -> NotifyBase | None:
        url = self._template.get_secret_value()
        url = url.replace("{address}", quote(address, safe="")).replace("{message_id}", identity)
        service = Apprise.instantiate(url, asset=self._asset)
        if service is not None:
            service.socket_connect_timeout = self._timeout_s
            service.socket_read_timeout = self._timeout_s
        return service


class Pace:
    """At most so many messages in any minute to each address, in this process."""

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.per_minute = per_minute
        self._clock = clock
        self._lock = threading.Lock()
        self._taken: dict[str, deque[float]] = defaultdict(deque)

    def take(self, address: str) -> float:
        """Takes a place and returns 0, or returns the seconds until there is one."""
        with self._lock:
            now = self._clock()
            taken = self._taken[address]
            while taken and now - taken[0] >= 60:
                taken.popleft()
            if len(taken) >= self.per_minute:
                return 60 - (now - taken[0])
            taken.append(now)
            return 0.0


def _smtp_reason(error: Exception) -> str:
    match error:
        case smtplib.SMTPRecipientsRefused():
            return "; ".join(f"{code} {_text(words)}" for code, words in error.recipients.values())
        case smtplib.SMTPResponseException():
            return f"{error.smtp_code} {_text(error.smtp_error)}"
        case smtplib.SMTPServerDisconnected():
            return "the server closed the connection"
        case smtplib.SMTPException():
            return str(error)
        case ssl.SSLError():
            return f"TLS failed: {error.reason or 'no common protocol'}"
        case TimeoutError():
            return "the server did not answer in time"
        case OSError():
            return f"no connection to the server: {error.strerror or type(error).__name__}"
        case _:
            return "the address or the text cannot be written as an e-mail"


def _text(words: bytes | str) -> str:
    return words.decode(errors="replace") if isinstance(words, bytes) else words


def _parts(url: str) -> list[str]:
    """Everything of a URL behind its scheme that could be a key, a password, an account or a host."""
    rest = url.partition("://")[2]
    return [unquote(part) for part in re.split(r"[/:@?&=#+,;]", rest)] + [rest]


def _without_secrets(text: str, secrets: Collection[str]) -> str:
    """The text in one line, without these, without e-mail addresses and without long numbers."""
    shown = set(secrets) | {quote(each, safe="") for each in secrets}
    for each in sorted(shown, key=len, reverse=True):
        if len(each) > 2:
            text = text.replace(each, "***")
    text = re.sub(r"[^\s<>@\"']+@[^\s<>@\"']+", "***", text)
    text = re.sub(r"\+?\d{6,}", "***", text)
    return " ".join(text.split())[:200]


def _is_this_machine(host: str) -> bool:
    if host == "localhost":
        return True
    with suppress(ValueError):
        return ip_address(host).is_loopback
    return False


def _keep_urls_out_of_logs() -> None:
    """Both libraries log whole URLs at DEBUG, and Apprise numbers in warnings; senders report instead."""
    apprise_log = logging.getLogger("apprise")
    apprise_log.propagate = False
    apprise_log.setLevel(logging.WARNING)
    logging.getLogger("urllib3.connectionpool").setLevel(logging.INFO)
