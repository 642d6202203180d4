"""The gateways of the sinks: they answer as real ones do, also when they take nothing.

POST /gateways/{provider}/send      an SMS gateway: {"code": 0} inside a 200 when it took the message
/cgi-bin/…                          WeCom: robots, access tokens, messages of an application
POST /webhook                       a receiver of webhooks
POST /{sms|wecom}/{to}              what Apprise's `json://` posts
"""

import asyncio
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Protocol

from fastapi import APIRouter, Header, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from workers.outbox import Outbox, OutboxMessage, OutsideChannel

_LONGEST = 100_000
_TOKEN_LIVES_S = 7200


class Fault(Protocol):
    """How the next message fails."""

    @property
    def kind(self) -> str:
        """As `ChannelFault` says."""

    @property
    def delay_s(self) -> float:
        """Seconds, for slow."""


class SmsMessage(BaseModel):
    """What the SMS gateways of the sinks take."""

    mobile: str = Field(min_length=1, max_length=30)
    text: str = Field(max_length=_LONGEST)
    uid: str = Field(default="", max_length=100)


class WeComText(BaseModel):
    """The content of a text message."""

    content: str = Field(max_length=_LONGEST)


class WeComMessage(BaseModel):
    """A text message of a robot or an application."""

    msgtype: Literal["text"]
    text: WeComText
    touser: str = ""
    agentid: int = 0


class AppriseMessage(BaseModel):
    """What Apprise's `json://` posts, and the id that our URL template adds."""

    title: str = ""
    message: str = Field(max_length=_LONGEST)
    message_id: str = ""


def gateway_routes(outbox: Outbox, take_fault: Callable[[OutsideChannel, str], Fault | None]) -> APIRouter:
    """The routes; `take_fault` says how the next message of a channel and provider fails."""
    router = APIRouter()
    tokens: set[str] = set()

    async def taken(message: OutboxMessage, yes: dict[str, Any], no: dict[str, Any]) -> Response:
        """Keeps the message and says `yes`, unless a fault says otherwise; `no` goes with a 200."""
        fault = take_fault(message.channel, message.provider)
        match fault.kind if fault else "":
            case "refuse":
                return JSONResponse({"detail": "refused on purpose, try again later"}, 503)
            case "error":
                return JSONResponse({"detail": "failed on purpose"}, 500)
            case "limit":
                return JSONResponse({"detail": "too many, on purpose"}, 429, {"Retry-After": "30"})
            case "drop":
                return JSONResponse(no)
            case "lose":
                return JSONResponse(yes)
        outbox.add(message)
        if fault:
            await asyncio.sleep(fault.delay_s)
        return JSONResponse(yes)

    def arrived(channel: OutsideChannel, provider: str, to: str, **said: str) -> OutboxMessage:
        return OutboxMessage(received_at=datetime.now(UTC), channel=channel, provider=provider, to=to, **said)

    @router.post("/gateways/{provider}/send")
    async def take_sms(provider: str, message: SmsMessage) -> Response:
        """Takes an SMS."""
        kept = arrived("sms", provider, message.mobile, **_split(message.text), message_id=message.uid)
        return await taken(kept, {"code": 0, "msg": "kept"}, {"code": 15, "msg": "dropped on purpose"})

    @router.post("/cgi-bin/webhook/send")
    async def take_robot(
        message: WeComMessage, key: str, x_opsloop_message_id: Annotated[str, Header()] = ""
    ) -> Response:
        """Takes a robot's message; the key stands for the group."""
        text = _split(message.text.content)
        kept = arrived("wecom", "robot", key, **text, message_id=x_opsloop_message_id)
        return await taken(kept, _wecom(0), _wecom(93000))

    @router.get("/cgi-bin/gettoken")
    def token(corpid: str, corpsecret: str) -> dict[str, Any]:
        """Gives an access token for any corporation and secret."""
        if not corpid or not corpsecret:
            return _wecom(40001)
        tokens.add(given := secrets.token_hex(8))
        return {**_wecom(0), "access_token": given, "expires_in": _TOKEN_LIVES_S}

    @router.post("/cgi-bin/message/send")
    async def take_application(
        message: WeComMessage, access_token: str, x_opsloop_message_id: Annotated[str, Header()] = ""
    ) -> Response:
        """Takes an application's message to a member."""
        if access_token not in tokens:
            return JSONResponse(_wecom(40014))
        text = _split(message.text.content)
        kept = arrived("wecom", "application", message.touser, **text, message_id=x_opsloop_message_id)
        return await taken(kept, _wecom(0), _wecom(60020))

    @router.post("/webhook")
    async def take_webhook(request: Request, webhook_id: Annotated[str, Header()]) -> Response:
        """Takes a webhook that is signed; by whom, the sinks cannot tell."""
        if not request.headers.get("webhook-signature", "").startswith("v1,"):
            return JSONResponse({"detail": "not signed"}, 401)
        content = await request.json()
        said = {name: str(content.get(name, "")) for name in ("subject", "body")}
        kept = arrived("webhook", "webhook", str(content.get("to", "")), **said, message_id=webhook_id)
        return await taken(kept, {"status": "kept"}, {"status": "dropped"})

    @router.post("/{channel}/{to}")
    async def take_apprise(channel: Literal["sms", "wecom"], to: str, message: AppriseMessage) -> Response:
        """Takes what Apprise's `json://` posts."""
        kept = arrived(
            channel,
            "apprise",
            to,
            subject=message.title,
            body=message.message,
            message_id=message.message_id,
        )
        return await taken(kept, {"status": "kept"}, {"status": "dropped"})

    return router


def _wecom(code: int) -> dict[str, Any]:
    return {"errcode": code, "errmsg": "ok" if code == 0 else "on purpose"}


def _split(text: str) -> dict[str, str]:
    """The first line as the subject where more follows, as senders put both into one text."""
    first, _, rest = text.partition("\n")
    return {"subject": first, "body": rest} if rest else {"subject": "", "body": text}
