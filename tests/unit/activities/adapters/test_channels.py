"""The senders' own rules: settings, secrets, pace; and who in the directory is reached where."""

import logging
import socket
import threading

import pytest
from apprise import Apprise
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from activities.adapters.address_book import DirectoryAddressBook
from activities.adapters.channels import AppriseSender, EmailSender, Pace, channel_senders, message_id
from domain.errors import ChannelFailed, InvalidInput
from domain.notices import Channel, Notice
from domain.people import Directory, Group, Principal, Role
from tests.fakes.rulebook import FakeRulebook

SENDER = "opsloop@bank.example"
PHONE = "+8619900001234"


def notice(channel: Channel, body: str = "text") -> Notice:
    return Notice(notice_id="T1/notify/1", channel=channel, to="C1", subject="subject", body=body)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


class TestSettings:
    def test_a_channel_without_a_url_is_absent(self) -> None:
        senders = channel_senders(
            email_url=None,
            email_from=SENDER,
            sms_url=SecretStr("json://127.0.0.1:1/sms/{address}"),
            wecom_url=None,
        )

        assert set(senders) == {Channel.SMS}

    @pytest.mark.parametrize(
        "url", ["http://mail:25", "smtp://:25", "mail.bank.example", "smtp://host:notaport"]
    )
    def test_a_wrong_mail_url_names_its_setting_and_not_its_value(self, url: str) -> None:
        with pytest.raises(InvalidInput, match="OPSLOOP_EMAIL_URL: expected smtp://") as caught:
            EmailSender(SecretStr(url), SENDER)
        assert url not in str(caught.value)

    def test_a_sender_that_is_no_address_is_refused(self) -> None:
        with pytest.raises(InvalidInput, match="OPSLOOP_EMAIL_FROM"):
            EmailSender(SecretStr("smtp://localhost:25"), "nobody")

    @pytest.mark.parametrize("url", ["nosuchservice://key-9f3/{address}", "json://host/without-a-place"])
    def test_a_wrong_gateway_url_names_its_setting_and_not_its_value(self, url: str) -> None:
        with pytest.raises(InvalidInput, match="OPSLOOP_SMS_URL: expected an Apprise URL") as caught:
            AppriseSender(Channel.SMS, SecretStr(url))
        assert url not in str(caught.value)

    @pytest.mark.parametrize(
        ("channel", "url"),
        [
            (Channel.SMS, f"twilio://AC{'a' * 32}:{'b' * 32}@+15551234567/{{address}}"),
            (Channel.WECOM, "wecombot://{address}"),
            (Channel.WECOM, "wechat://corpid:secret@1000002/{address}"),
        ],
    )
    def test_the_urls_that_the_documentation_names_are_taken(self, channel: Channel, url: str) -> None:
        AppriseSender(channel, SecretStr(url))


class TestMessageId:
    @given(st.text(min_size=1), st.text(min_size=1))
    def test_it_is_the_same_for_a_repeat_and_only_for_that(self, one: str, other: str) -> None:
        assert message_id(one) == message_id(one)
        assert (message_id(one) == message_id(other)) == (one == other)


class TestSecrets:
    def test_a_dead_gateway_is_reported_without_its_key_and_the_number(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        url = f"json://robot:pa55-word@127.0.0.1:{free_port()}/key-9f3c/{{address}}"
        sender = AppriseSender(Channel.SMS, SecretStr(url), timeout_s=2)

        with pytest.raises(ChannelFailed, match=r"sms: .*[Cc]onnection") as caught:
            sender.send(notice(Channel.SMS), PHONE)

        for secret in ("pa55-word", "key-9f3c", "19900001234", "robot"):
            assert secret not in str(caught.value)
            assert secret not in caplog.text
        assert caught.value.__cause__ is None

    def test_what_a_service_says_itself_is_shown_without_secrets(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        account, token = f"AC{'a' * 32}", "b" * 32
        sender = AppriseSender(Channel.SMS, SecretStr(f"twilio://{account}:{token}@+15551234567/{{address}}"))
        say = logging.getLogger("apprise").warning

        def refuse(*_args: object, **_kwargs: object) -> bool:
            say("Failed to send to %s with %s:%s, error=401.", PHONE, account, token)
            return False

        service = Apprise.instantiate(f"twilio://{account}:{token}@+15551234567/{PHONE}")
        monkeypatch.setattr(type(service), "send", refuse)

        with pytest.raises(ChannelFailed) as caught:
            sender.send(notice(Channel.SMS), PHONE)

        assert str(caught.value) == "sms: Failed to send to *** with ***:***, error=401."

    def test_a_mail_server_that_names_the_receiver_is_quoted_without_it(self) -> None:
        with talking_server(
            b"220 here\r\n",
            b"250 ok\r\n",
            b"250 ok\r\n",
            b"550 <li@bank.example> is unknown\r\n",
            b"250 ok\r\n",
        ) as port:
            sender = EmailSender(SecretStr(f"smtp://127.0.0.1:{port}"), SENDER, timeout_s=2)
            with pytest.raises(ChannelFailed, match=r"email: 550 <\*\*\*> is unknown"):
                sender.send(notice(Channel.EMAIL), "li@bank.example")

    def test_a_dead_mail_server_is_reported_without_the_password(self) -> None:
        url = SecretStr(f"smtp://robot:pa55-word@127.0.0.1:{free_port()}")
        with pytest.raises(ChannelFailed, match="email: no connection") as caught:
            EmailSender(url, SENDER, timeout_s=2).send(notice(Channel.EMAIL), "li@bank.example")
        assert "pa55-word" not in str(caught.value)
        assert caught.value.__cause__ is None


class TestMail:
    def test_a_server_that_hangs_is_left_after_the_time_out(self) -> None:
        with talking_server() as port:
            sender = EmailSender(SecretStr(f"smtp://127.0.0.1:{port}"), SENDER, timeout_s=0.2)
            with pytest.raises(ChannelFailed, match=r"did not answer in time|closed the connection"):
                sender.send(notice(Channel.EMAIL), "li@bank.example")

    def test_a_bad_farewell_is_no_failure_once_the_message_is_taken(self) -> None:
        with talking_server(
            b"220 here\r\n",
            b"250 ok\r\n",
            b"250 ok\r\n",
            b"250 ok\r\n",
            b"354 go on\r\n",
            b"250 kept\r\n",
            b"421 leave me alone\r\n",
        ) as port:
            sender = EmailSender(SecretStr(f"smtp://127.0.0.1:{port}"), SENDER, timeout_s=2)
            words = sender.send(notice(Channel.EMAIL), "li@bank.example")
        assert words == f"taken by the mail server as <{message_id('T1/notify/1')}@bank.example>"

    def test_a_password_does_not_go_over_an_open_line_to_another_machine(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        real = socket.create_connection
        with talking_server(b"220 here\r\n", b"250-mail\r\n250 AUTH PLAIN LOGIN\r\n") as port:
            monkeypatch.setattr(
                socket, "create_connection", lambda _address, *rest, **named: real(("127.0.0.1", port))
            )
            sender = EmailSender(SecretStr("smtp://robot:pa55@mail.bank.example"), SENDER, timeout_s=2)
            with pytest.raises(ChannelFailed, match="no TLS, and a password needs it"):
                sender.send(notice(Channel.EMAIL), "li@bank.example")

    def test_a_line_break_in_a_subject_adds_no_header(self) -> None:
        sender = EmailSender(SecretStr("smtp://127.0.0.1:25"), SENDER)
        hostile = Notice(
            notice_id="n", channel=Channel.EMAIL, to="C1", subject="a\r\nBcc: x@example.org", body="b"
        )
        message = sender._message(hostile, "li@bank.example")
        assert message["Bcc"] is None
        assert message["Subject"] == "a Bcc: x@example.org"


class TestAddresses:
    @pytest.mark.parametrize("address", ["", "not a number", "12", "123/../456"])
    def test_an_sms_needs_a_number(self, address: str) -> None:
        sender = AppriseSender(Channel.SMS, SecretStr("json://127.0.0.1:1/sms/{address}"))
        with pytest.raises(ChannelFailed, match="the address is not one"):
            sender.send(notice(Channel.SMS), address)


class TestPace:
    def test_the_next_place_is_free_a_minute_after_the_first(self) -> None:
        now = 0.0
        pace = Pace(2, clock=lambda: now)
        assert [pace.take("a"), pace.take("a")] == [0, 0]
        now = 10.0
        assert pace.take("a") == 50.0
        assert pace.take("b") == 0
        now = 60.0
        assert pace.take("a") == 0

    @given(st.integers(1, 5), st.lists(st.floats(0, 30), max_size=60))
    def test_no_minute_ever_sees_more_than_its_share(self, share: int, gaps: list[float]) -> None:
        now, taken = 0.0, []
        pace = Pace(share, clock=lambda: now)
        for gap in gaps:
            now += gap
            if pace.take("a") == 0:
                taken.append(now)
        for first in taken:
            assert sum(first <= each < first + 60 for each in taken) <= share

    def test_a_message_over_the_pace_fails_and_says_when_to_come_back(self) -> None:
        sender = AppriseSender(
            Channel.WECOM, SecretStr(f"json://127.0.0.1:{free_port()}/{{address}}"), per_minute=1, timeout_s=1
        )
        with pytest.raises(ChannelFailed, match="onnection"):
            sender.send(notice(Channel.WECOM), "robot")
        with pytest.raises(ChannelFailed, match=r"1 messages in a minute .* can go in (59|60) s"):
            sender.send(notice(Channel.WECOM), "robot")


class TestAddressBook:
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
        ],
    )
    def test_a_group_is_reached_itself_then_through_its_lead_then_its_members(
        self, to: str, channel: Channel, expected: list[str]
    ) -> None:
        book = DirectoryAddressBook(FakeRulebook(directory=self.DIRECTORY))
        assert list(book.addresses(to, channel)) == expected


class talking_server:  # noqa: N801  # a context manager, named like a function
    """A mail server that says these lines, one after each thing that it hears, and then nothing more."""

    def __init__(self, *lines: bytes) -> None:
        self._lines = lines
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._talk, daemon=True)

    def __enter__(self) -> int:
        self._thread.start()
        port: int = self._listener.getsockname()[1]
        return port

    def __exit__(self, *_error: object) -> None:
        self._listener.close()
        self._thread.join(timeout=5)

    def _talk(self) -> None:
        connection, _ = self._listener.accept()
        with connection, connection.makefile("rb") as heard:
            for place, line in enumerate(self._lines):
                if place and not heard.readline():
                    return
                if place and self._lines[place - 1].startswith(b"354"):
                    while heard.readline() not in (b".\r\n", b""):
                        pass
                connection.sendall(line)
            while heard.readline():
                pass
