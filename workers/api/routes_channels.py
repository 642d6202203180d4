"""Routes of channels: how their providers fare, and a real test of each."""

from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import Field

from domain.model import Model, Record
from domain.notices import Channel, ChannelTestResult
from domain.people import Principal
from workers.api.signin import SignedIn
from workers.desk.channels import ChannelDesk, ChannelStatus


class ChannelTestRequest(Model):
    """Who gets the test message, and by which provider."""

    to: str = Field(min_length=1, max_length=100, description="a person's id or a group of the directory")
    provider: str = Field(
        default="", max_length=100, description="only this provider; default: as any other message"
    )


class ChannelList(Record):
    """Every channel that leaves the system."""

    channels: tuple[ChannelStatus, ...]


def channel_routes(desk: ChannelDesk, staff: SignedIn) -> APIRouter:
    """The routes under `/channels`. Staff read; operators and on-call test."""
    router = APIRouter(prefix="/channels", tags=["channels"])

    @router.get("", summary="How do the channels fare?", dependencies=[Depends(staff)])
    def status() -> ChannelList:
        """Backups, providers in their order, failures in a row and the last failure's reason."""
        return ChannelList(channels=desk.status())

    @router.post("/{channel}/test", summary="Send a test message")
    async def test(
        channel: Channel, request: ChannelTestRequest, principal: Annotated[Principal, Depends(staff)]
    ) -> ChannelTestResult:
        """Needs the role operator or oncall. A real message, marked as a test; `taken` says how it went."""
        return await desk.test(channel, request.to, provider=request.provider, principal=principal)

    return router
