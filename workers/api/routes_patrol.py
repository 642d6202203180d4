"""Routes of the patrol: its reports, and a round on demand."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from domain.model import Record
from domain.patrol import PatrolReport
from domain.people import Principal
from workers.api.signin import SignedIn
from workers.desk.patrol import PatrolDesk


class PatrolReports(Record):
    """The last rounds, the latest first."""

    reports: tuple[PatrolReport, ...]


def patrol_routes(desk: PatrolDesk, staff: SignedIn) -> APIRouter:
    """The routes under `/patrol`. Staff read; operators and on-call send it."""
    router = APIRouter(prefix="/patrol", tags=["patrol"])

    @router.get("", summary="What did the last patrols find?", dependencies=[Depends(staff)])
    async def reports(limit: Annotated[int, Query(ge=1, le=500)] = 20) -> PatrolReports:
        """Findings, counts, and what goes on since when."""
        return PatrolReports(reports=tuple(await desk.reports(limit=limit)))

    @router.post("/run", summary="Make a round now")
    async def run(principal: Annotated[Principal, Depends(staff)]) -> PatrolReport:
        """Needs the role operator or oncall. It tells of findings as any other round does."""
        return await desk.run(principal)

    return router
