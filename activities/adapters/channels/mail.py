"""E-mail over SMTP."""

import smtplib
import ssl
from contextlib import closing, suppress
from email import policy
from email.message import EmailMessage
from email.utils import formatdate, parseaddr
from urllib.parse import unquote, urlsplit

from activities.adapters.channels.addresses import COMMON_OPTIONS, ProviderAddress, is_this_machine
from activities.adapters.channels.failures import AddressRefused, message_id, without_secrets
from activities.adapters.channels.throttle import Pace
from domain.errors import ChannelFailed, InvalidInput
from domain.notices import Notice


class EmailSender:
    """One mail server, given a `Message-ID` that a repeat shares, so that mail systems can drop it.

    The standard library's client and not Apprise's, which writes a `Message-ID` of its own into every
    message, beside one that is handed in. `smtps://` is TLS from the start; `smtp://` turns to TLS where
    the server offers it, and a password is sent without TLS to this machine alone.
    """

    def __init__(self, address: ProviderAddress, sender: str, *, timeout_s: float = 5.0) -> None:
        address.check_options(COMMON_OPTIONS)
        parts = urlsplit(address.url)
        try:
            port = parts.port
        except ValueError:
            port = -1
        if parts.scheme not in ("smtp", "smtps") or not parts.hostname or port == -1:
            raise InvalidInput(
                f"{address.place}: expected smtp://[user:password@]host:port or smtps://…",
                field=address.setting,
            )
        if "@" not in parseaddr(sender)[1]:
            raise InvalidInput("OPSLOOP_EMAIL_FROM: expected an e-mail address", field="email_from")
        self.name, self.only = address.name, address.only
        self._tls_from_start = parts.scheme == "smtps"
        self._host = parts.hostname
        self._port = port or (465 if self._tls_from_start else 25)
        self._user = unquote(parts.username or "")
        self._password = unquote(parts.password or "")
        self._sender = sender
        self._domain = parseaddr(sender)[1].rpartition("@")[2]
        self._timeout_s = timeout_s
        self._tls = ssl.create_default_context()
        self._pace = Pace(address.per_minute) if address.per_minute else None

    def send(self, notice: Notice, address: str) -> str:
        """Hands the message to the server; returns its `Message-ID`. Raises `ChannelFailed`."""
        if self._pace is not None:
            self._pace.take("")
        try:
            message = self._message(notice, address)
            with closing(self._connection()) as server:
                self._secure(server)
                server.send_message(message, parseaddr(self._sender)[1], [address])
                # The server has the message: a bad farewell must not make us send it again.
                with suppress(smtplib.SMTPException, OSError):
                    server.quit()
        except (smtplib.SMTPException, OSError, ValueError) as error:
            reason = without_secrets(_reason(error), [address, self._user, self._password, self._host])
            raise _kind(error)(reason) from None
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
        if not encrypted and not is_this_machine(self._host) and server.has_extn("starttls"):
            server.starttls(context=self._tls)
            encrypted = True
        if not self._user:
            return
        if not encrypted and not is_this_machine(self._host):
            raise smtplib.SMTPNotSupportedError("the server offers no TLS, and a password needs it")
        server.login(self._user, self._password)


def _kind(error: Exception) -> type[ChannelFailed]:
    """Whether the server is well and the address is not: a definite no to this receiver."""
    match error:
        case smtplib.SMTPRecipientsRefused():
            codes = [code for code, _ in error.recipients.values()]
            return AddressRefused if codes and min(codes) >= 500 else ChannelFailed
        case smtplib.SMTPException() | OSError():
            return ChannelFailed
        case _:
            return AddressRefused


def _reason(error: Exception) -> str:
    match error:
        case smtplib.SMTPRecipientsRefused():
            return "; ".join(f"{code} {_text(words)}" for code, words in error.recipients.values())
        case smtplib.SMTPResponseException():
            return f"{error.smtp_code} {_text(error.smtp_error)}"
        case smtplib.SMTPServerDisconnected() if isinstance(error.__context__, TimeoutError):
            return "the server did not answer in time"
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
