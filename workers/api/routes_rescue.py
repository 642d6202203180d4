"""Routes of rescues: who was considered for a late ticket, and which groups have room."""

from fastapi import APIRouter, Depends

from domain.model import Record
from domain.rescue import KeptRescue
from domain.task import TaskId
from workers.api.signin import SignedIn
from workers.desk.rescue import RescueDesk, RescueState


class RescueList(Record):
    """The rescues of one ticket, in their order."""

    rescues: tuple[KeptRescue, ...]


def rescue_routes(desk: RescueDesk, staff: SignedIn) -> APIRouter:
    """The routes under `/rescue`. Staff read."""
    router = APIRouter(prefix="/rescue", tags=["rescue"], dependencies=[Depends(staff)])

    @router.get("/groups", summary="Who could take a late ticket over now?")
    def groups() -> RescueState:
        """Each group of `policies/rescue.yaml` with its load against its capacity, and the fast track."""
        return desk.state()

    @router.get("/tickets/{task_id}", summary="Why did this ticket go there?")
    def ticket(task_id: TaskId) -> RescueList:
        """What was decided at 95 % of the SLA, and how each group was judged. 404 where nothing was."""
        return RescueList(rescues=tuple(desk.of(task_id)))

    return router
