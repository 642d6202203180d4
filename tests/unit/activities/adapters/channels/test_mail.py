"""E-mail: servers that hang, refuse or offer no TLS, and what a message may not contain."""

import socket

import pytest

from activities.adapters.channels import AddressRefused, message_id
from activities.adapters.channels.addresses import ProviderAddress
from activities.adapters.channels.mail import EmailSender
from domain.errors import ChannelFailed
from domain.notices import Channel
from tests.support.talking_server import TalkingServer

TO = "li@bank.example"


def test_a_mail_server_that_names_the_receiver_is_quoted_without_it(made, notice) -> None:
    with (
        TalkingServer(
            b"220 here\r\n",
            b"250 ok\r\n",
            b"250 ok\r\n",
            b"550 <li@bank.example> is unknown\r\n",
            b"250 ok\r\n",
        ) as port,
        pytest.raises(AddressRefused, match=r"email: email-1: 550 <\*\*\*> is unknown"),
    ):
        made(email_url=f"smtp://127.0.0.1:{port}").send(notice(Channel.EMAIL), TO)


def test_a_receiver_who_is_put_off_is_the_servers_fault(made, notice) -> None:
    with (
        TalkingServer(
            b"220 here\r\n", b"250 ok\r\n", b"250 ok\r\n", b"450 mailbox is busy\r\n", b"250 ok\r\n"
        ) as port,
        pytest.raises(ChannelFailed, match="450 mailbox") as caught,
    ):
        made(email_url=f"smtp://127.0.0.1:{port}").send(notice(Channel.EMAIL), TO)
    assert not isinstance(caught.value, AddressRefused)


def test_a_server_that_hangs_is_left_after_the_time_out(made, notice) -> None:
    with TalkingServer() as port:
        sender = made(email_url=f"smtp://127.0.0.1:{port}", timeout_s=0.2)
        with pytest.raises(ChannelFailed, match=r"did not answer in time|closed the connection"):
            sender.send(notice(Channel.EMAIL), TO)


def test_a_bad_farewell_is_no_failure_once_the_message_is_taken(made, notice) -> None:
    with TalkingServer(
        b"220 here\r\n",
        b"250 ok\r\n",
        b"250 ok\r\n",
        b"250 ok\r\n",
        b"354 go on\r\n",
        b"250 kept\r\n",
        b"421 leave me alone\r\n",
    ) as port:
        words = made(email_url=f"smtp://127.0.0.1:{port}").send(notice(Channel.EMAIL), TO)
    assert words == f"email-1: taken by the mail server as <{message_id('T1/notify/1')}@bank.example>"


def test_the_second_server_takes_what_the_first_does_not(made, notice, free_port) -> None:
    with TalkingServer(
        b"220 here\r\n",
        b"250 ok\r\n",
        b"250 ok\r\n",
        b"250 ok\r\n",
        b"354 go on\r\n",
        b"250 kept\r\n",
        b"221 bye\r\n",
    ) as port:
        sender = made(email_url=f"smtp://127.0.0.1:{free_port} smtp://127.0.0.1:{port}#name=spare")
        assert sender.send(notice(Channel.EMAIL), TO).startswith("spare: taken")


def test_a_password_does_not_go_over_an_open_line_to_another_machine(
    made, notice, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = socket.create_connection
    with TalkingServer(b"220 here\r\n", b"250-mail\r\n250 AUTH PLAIN LOGIN\r\n") as port:
        monkeypatch.setattr(
            socket, "create_connection", lambda _address, *rest, **named: real(("127.0.0.1", port))
        )
        sender = made(email_url="smtp://robot:pa55@mail.bank.example")
        with pytest.raises(ChannelFailed, match="no TLS, and a password needs it"):
            sender.send(notice(Channel.EMAIL), TO)


def test_a_line_break_in_a_subject_adds_no_header(notice) -> None:
    address = ProviderAddress("email_url", 1, "smtp://127.0.0.1:25")
    hostile = notice(Channel.EMAIL, subject="a\r\nBcc: x@example.org")
    message = EmailSender(address, "opsloop@bank.example")._message(hostile, TO)
    assert message["Bcc"] is None
    assert message["Subject"] == "a Bcc: x@example.org"


@pytest.mark.parametrize("address", ["li@bank.example\r\nBcc: x@example.org", ""])
def test_an_address_that_is_none_is_refused(made, notice, free_port, address) -> None:
    with pytest.raises(ChannelFailed) as caught:
        made(email_url=f"smtp://127.0.0.1:{free_port}").send(notice(Channel.EMAIL), address)
    assert "x@example.org" not in str(caught.value)
