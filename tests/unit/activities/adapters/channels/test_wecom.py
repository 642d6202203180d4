"""WeCom: the errcode inside a 200, tokens, limits, and that one message goes to one receiver."""

import json

import pytest

from activities.adapters.channels import AddressRefused, Throttled, message_id
from domain.errors import ChannelFailed
from domain.notices import Channel

OK = {"errcode": 0, "errmsg": "ok"}
TOKEN = {**OK, "access_token": "token-1", "expires_in": 7200}
KEY = "693a91f6-7aoc-4bc4-97a0-0ec2sifa5aaa"


def refused(code: int) -> dict[str, object]:
    return {"errcode": code, "errmsg": f"says more about {KEY} and corp-secret"}


class TestRobot:
    @pytest.fixture
    def robot(self, gateway, made):
        gateway.says(OK)
        return made(wecom_url=f"wecombot://{KEY}#for=accounts&at={gateway.url}")

    def test_the_groups_robot_gets_the_text(self, gateway, robot, notice) -> None:
        assert robot.send(notice(Channel.WECOM), "accounts") == "wecom-1: taken by the robot"
        [asked] = gateway.asked
        assert (asked.path, asked.query) == ("/cgi-bin/webhook/send", {"key": KEY})
        assert json.loads(asked.body) == {"msgtype": "text", "text": {"content": "subject\n正文 text"}}
        assert asked.headers["x-opsloop-message-id"] == message_id("T1/notify/1")

    def test_a_robot_without_a_key_of_its_own_takes_the_address_for_it(self, gateway, made, notice) -> None:
        gateway.says(OK)
        made(wecom_url=f"wecombot://{{address}}#at={gateway.url}").send(notice(Channel.WECOM), "key-1")
        assert gateway.asked[0].query == {"key": "key-1"}

    @pytest.mark.parametrize("address", ["", "two words", "a/b", "k" * 65, "a&key=b"])
    def test_what_is_no_key_is_refused(self, gateway, made, notice, address) -> None:
        sender = made(wecom_url=f"wecombot://{{address}}#at={gateway.url}")
        with pytest.raises(AddressRefused):
            sender.send(notice(Channel.WECOM), address)
        assert gateway.asked == []

    def test_a_long_text_is_cut_to_what_wecom_takes(self, gateway, robot, notice) -> None:
        robot.send(notice(Channel.WECOM, body="长" * 3000), "accounts")
        content = json.loads(gateway.asked[0].body)["text"]["content"]
        assert len(content.encode()) <= 2048
        assert content.endswith("长 …")

    @pytest.mark.parametrize(
        ("answer", "said"),
        [
            (refused(93000), "errcode 93000: no robot has this key"),
            (refused(40058), "errcode 40058: WeCom's list"),
            ({}, "without an errcode"),
            (b"<html>", "without an errcode"),
            ({"errcode": "0"}, "without an errcode"),
        ],
    )
    def test_an_error_inside_a_200_is_a_failure_without_its_words(
        self, gateway, robot, notice, answer, said
    ) -> None:
        gateway.says(answer)
        with pytest.raises(ChannelFailed, match=said) as caught:
            robot.send(notice(Channel.WECOM), "accounts")
        assert KEY not in str(caught.value)
        assert "corp-secret" not in str(caught.value)

    def test_twenty_a_minute_and_no_more_go_to_one_robot(self, gateway, robot, notice) -> None:
        for _ in range(20):
            robot.send(notice(Channel.WECOM), "accounts")
        with pytest.raises(Throttled, match="20 messages in a minute"):
            robot.send(notice(Channel.WECOM), "accounts")
        assert len(gateway.asked) == 20

    def test_a_robot_that_had_enough_is_left_alone(self, gateway, robot, notice) -> None:
        gateway.says(refused(45009))
        for _ in range(2):
            with pytest.raises(Throttled) as later:
                robot.send(notice(Channel.WECOM), "accounts")
            assert 50 < later.value.retry_in_s <= 60
        assert len(gateway.asked) == 1


class TestApplication:
    @pytest.fixture
    def application(self, gateway, made):
        return made(wecom_url=f"wechat://corp:corp-secret@1000002/{{address}}#at={gateway.url}")

    def test_the_member_gets_the_text_and_the_token_is_kept(self, gateway, application, notice) -> None:
        gateway.says(TOKEN, OK)
        application.send(notice(Channel.WECOM), "li.wei")
        application.send(notice(Channel.WECOM), "zhang.min")
        assert [(each.method, each.path) for each in gateway.asked] == [
            ("GET", "/cgi-bin/gettoken"),
            ("POST", "/cgi-bin/message/send"),
            ("POST", "/cgi-bin/message/send"),
        ]
        assert gateway.asked[0].query == {"corpid": "corp", "corpsecret": "corp-secret"}
        assert gateway.asked[1].query == {"access_token": "token-1"}
        assert json.loads(gateway.asked[1].body) == {
            "touser": "li.wei",
            "agentid": 1000002,
            "msgtype": "text",
            "text": {"content": "subject\n正文 text"},
        }

    @pytest.mark.parametrize("code", [40001, 40014, 42001])
    def test_a_token_that_is_over_is_fetched_anew_once(self, gateway, application, notice, code) -> None:
        gateway.says(TOKEN, refused(code), {**TOKEN, "access_token": "token-2"}, OK)
        application.send(notice(Channel.WECOM), "li.wei")
        assert gateway.asked[-1].query == {"access_token": "token-2"}

    def test_a_secret_that_is_wrong_is_no_endless_loop(self, gateway, application, notice) -> None:
        gateway.says(refused(40001))
        with pytest.raises(ChannelFailed, match="no access token: WeCom answered errcode 40001") as caught:
            application.send(notice(Channel.WECOM), "li.wei")
        assert "corp-secret" not in str(caught.value)
        assert len(gateway.asked) == 1

    def test_a_token_that_never_holds_ends_as_a_failure(self, gateway, application, notice) -> None:
        gateway.says(TOKEN, refused(42001), TOKEN, refused(42001))
        with pytest.raises(ChannelFailed, match="errcode 42001"):
            application.send(notice(Channel.WECOM), "li.wei")
        assert len(gateway.asked) == 4

    def test_a_token_that_does_not_last_is_fetched_for_each_message(
        self, gateway, application, notice
    ) -> None:
        gateway.says({**TOKEN, "expires_in": 10}, OK, {**TOKEN, "access_token": "token-2"}, OK)
        application.send(notice(Channel.WECOM), "li.wei")
        application.send(notice(Channel.WECOM), "li.wei")
        assert gateway.asked[3].query == {"access_token": "token-2"}

    @pytest.mark.parametrize("answer", [refused(81013), {**OK, "invaliduser": "li.wei"}])
    def test_a_member_who_is_none_is_the_addresss_fault(self, gateway, application, notice, answer) -> None:
        gateway.says(TOKEN, answer)
        with pytest.raises(AddressRefused):
            application.send(notice(Channel.WECOM), "li.wei")

    @pytest.mark.parametrize("address", ["", "@all", "li.wei|zhang.min", "two words", "a" * 65])
    def test_an_address_is_one_member_and_never_all(self, gateway, application, notice, address) -> None:
        with pytest.raises(AddressRefused):
            application.send(notice(Channel.WECOM), address)
        assert gateway.asked == []

    def test_thirty_a_minute_and_no_more_go_to_one_member(self, gateway, application, notice) -> None:
        gateway.says(TOKEN, OK)
        for _ in range(30):
            application.send(notice(Channel.WECOM), "li.wei")
        with pytest.raises(Throttled, match="30 messages in a minute"):
            application.send(notice(Channel.WECOM), "li.wei")
        application.send(notice(Channel.WECOM), "zhang.min")


def test_groups_with_a_robot_are_written_to_by_it_and_people_by_the_application(
    gateway, made, notice
) -> None:
    gateway.says(OK, TOKEN, OK)
    sender = made(
        wecom_url=f"wecombot://{KEY}#for=accounts&at={gateway.url} wechat://c:s@1/{{address}}#at={gateway.url}"
    )
    assert sender.send(notice(Channel.WECOM), "accounts") == "wecom-1: taken by the robot"
    assert sender.send(notice(Channel.WECOM), "li.wei") == "wecom-2: taken by the application"
