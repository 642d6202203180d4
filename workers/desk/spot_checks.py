"""The queue of spot checks: what waits to be looked at, and the answer of whoever looked."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import structlog
from temporalio.client import Client, WorkflowUpdateFailedError, WorkflowUpdateRPCTimeoutOrCancelledError
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from activities.ports import AuditLog
from activities.ports.duty import SpotCheckBook
from domain.clock import BankClock
from domain.errors import Conflict, NotFound
from domain.people import Principal
from domain.spot_check import CheckAnswer, CheckReply, CheckState, CheckVerb, ListedCheck, refusal
from workers.desk.authority import CodeIssuer, Trail
from workers.ticket_workflows import EngineUnavailable
from workflows.spot_check_contract import DECIDE_UPDATE, PURPOSE, spot_check_id

_log = structlog.get_logger(__name__)


class SpotCheckDesk:
    """Shows spot checks, and answers them on behalf of a principal."""

    def __init__(
        self,
        client: Client,
        book: SpotCheckBook,
        *,
        audit: AuditLog,
        codes: CodeIssuer,
        clock: BankClock,
        patience: timedelta = timedelta(seconds=10),
    ) -> None:
        self._client = client
        self._book = book
        self._codes = codes
        self._trail = Trail(audit, clock)
        self._patience = patience

    async def listed(
        self,
        *,
        state: CheckState | None = None,
        group: str | None = None,
        for_whom: Principal | None = None,
        limit: int = 200,
    ) -> Sequence[ListedCheck]:
        """Checks, the open ones first by when they are due; only those that `for_whom` may answer."""
        found = await asyncio.to_thread(self._book.checks, state=state, group=group, limit=limit)
        return [each for each in found if for_whom is None or refusal(each.check, for_whom) is None]

    async def shown(self, task_id: str) -> ListedCheck:
        """The check of a ticket. Raises `NotFound` for a ticket that has none, or was not drawn from yet."""
        found = await asyncio.to_thread(self._book.check, task_id)
        if found is None:
            raise NotFound(f"ticket {task_id} has no spot check; those of a night are drawn in the morning")
        return found

    async def answer(self, task_id: str, verb: CheckVerb, *, reason: str, principal: Principal) -> CheckReply:
        """Passes a ticket or objects to it. An answer that does not count is a reply with `accepted` false.

        Raises `NotFound`, `Conflict` for a check that is over, `EngineUnavailable`, `StoreUnavailable`.
        """
        listed = await self.shown(task_id)
        check = listed.check
        if listed.outcome is not None or listed.state is CheckState.NOT_DRAWN:
            raise Conflict(_over(listed))
        problem = refusal(check, principal)
        if problem is not None:
            await self._refused(principal, task_id, problem[1])
            return CheckReply(task_id=task_id, accepted=False, code=problem[0], message=problem[1])
        code = self._codes.issue(principal.id, PURPOSE, task_id, check.digest)
        reply = await self._send(task_id, CheckAnswer(verb=verb, reason=reason, code=code))
        if not reply.accepted:
            await self._refused(principal, task_id, reply.message)
        return reply

    async def _send(self, task_id: str, answer: CheckAnswer) -> CheckReply:
        handle = self._client.get_workflow_handle(spot_check_id(task_id))
        try:
            async with asyncio.timeout(self._patience.total_seconds()):
                reply: CheckReply = await handle.execute_update(
                    DECIDE_UPDATE, answer, result_type=CheckReply, rpc_timeout=self._patience
                )
                return reply
        except (TimeoutError, WorkflowUpdateRPCTimeoutOrCancelledError) as error:
            raise EngineUnavailable(
                f"the spot check of {task_id} did not confirm in time; look at it before you try again: "
                "the answer may still be taken"
            ) from error
        except WorkflowUpdateFailedError as error:
            cause = error.cause
            if isinstance(cause, ApplicationError) and cause.type != "AcceptedUpdateCompletedWorkflow":
                return CheckReply(
                    task_id=task_id, accepted=False, code=cause.type or "refused", message=cause.message
                )
            raise Conflict(f"the spot check of {task_id} ended before the answer was handled") from error
        except (RPCError, RuntimeError) as error:
            if isinstance(error, RPCError) and error.status is RPCStatusCode.NOT_FOUND:
                raise Conflict(f"the spot check of {task_id} is over") from error
            _log.warning("spot_check.update_failed", task_id=task_id, error=str(error))
            raise EngineUnavailable("Temporal cannot be reached; try again") from error

    async def _refused(self, principal: Principal, task_id: str, why: str) -> None:
        await self._trail.refused("spot_check.refused", principal, why, task_id=task_id)


def _over(listed: ListedCheck) -> str:
    task_id, outcome = listed.check.task_id, listed.outcome
    if outcome is None:
        return f"ticket {task_id} was left out of the draw by the share of its category"
    return f"too late: {listed.state} by {outcome.by} at {outcome.at:%Y-%m-%d %H:%M} UTC"
