"""Routes of the rules library: publish, release and roll back definitions, and see what is in force."""

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.routing import APIRoute
from pydantic import Field, StringConstraints, field_validator
from starlette.responses import JSONResponse, Response

from definitions.findings import Finding
from domain.errors import InvalidInput
from domain.model import Model, Record
from domain.people import Principal
from workers.api.errors import Problem
from workers.api.messages import Reason
from workers.api.signin import SignedIn
from workers.library_reading import FOLDER, IN_FORCE, Content, Difference, LibraryStatus, VersionShown
from workers.releases import DefinitionsRefused, Published, Released, ReleaseDesk, Withdrawn

DefinitionPath = Annotated[str, StringConstraints(min_length=1, max_length=200)]
_PATH_HELP = "below the definitions folder, such as sops/account_freeze.yaml"
_MOST_FILES = 500


class FilePublished(Model):
    """One file's new state."""

    path: DefinitionPath = Field(description=_PATH_HELP)
    content: str | None = Field(description="the whole file; null removes it")


class PublishRequest(Model):
    """Files that belong together and are released together."""

    files: tuple[FilePublished, ...] = Field(
        min_length=1, max_length=_MOST_FILES, description="every file that changes, each once"
    )
    note: str = Field(default="", max_length=2000, description="what changes and why")

    @field_validator("files")
    @classmethod
    def _each_once(cls, files: tuple[FilePublished, ...]) -> tuple[FilePublished, ...]:
        paths = [each.path for each in files]
        twice = sorted({path for path in paths if paths.count(path) > 1})
        if twice:
            raise ValueError(f"{', '.join(twice)} stands here more than once; expected each file once")
        return files


class ReleaseRequest(Model):
    """Which change set to put in force."""

    change_set: int | None = Field(
        default=None, ge=1, le=2**31 - 1, description="its number; default: the only one that waits"
    )


class WithdrawRequest(Model):
    """Which change set to take back, and why."""

    change_set: int = Field(ge=1, le=2**31 - 1, description="its number")
    reason: Reason = Field(description="why; it is kept with the change set")


class RollbackRequest(Model):
    """What to take back, and why: one of `path` and `change_set`."""

    path: DefinitionPath | None = Field(default=None, description=f"one file, {_PATH_HELP}")
    change_set: int | None = Field(default=None, ge=1, le=2**31 - 1, description="all files of this one")
    to: int | None = Field(
        default=None, ge=0, le=2**31 - 1, description="a version that was in force; default: the one before"
    )
    reason: Reason = Field(description="why; it is kept with the release")


class VersionFilter(Model):
    """Whose versions to list."""

    path: DefinitionPath | None = Field(default=None, description="only versions of this file")


class ContentWanted(Model):
    """Which version to show."""

    path: DefinitionPath = Field(description=_PATH_HELP)
    version: int = Field(ge=1, le=2**31 - 1, description="its number")


class DifferenceWanted(Model):
    """Which two states of a file to compare."""

    path: DefinitionPath = Field(description=_PATH_HELP)
    old: str = Field(default=IN_FORCE, max_length=20, description="a version's number, in_force or folder")
    new: str = Field(default=FOLDER, max_length=20, description="a version's number, in_force or folder")


class VersionList(Record):
    """Versions by path and number."""

    versions: tuple[VersionShown, ...]


class DefinitionsProblem(Problem):
    """Definitions that would have errors: the error answer with every finding."""

    findings: tuple[Finding, ...]
    hint: str
    """What to do, where it is something else than to mend them; else empty."""


class TellsFindings(APIRoute):
    """Answers refused definitions with their findings."""

    def get_route_handler(self) -> Any:
        """The route's own handler, with this answer added."""
        handle = super().get_route_handler()

        async def handled(request: Request) -> Response:
            try:
                return await handle(request)
            except DefinitionsRefused as error:
                problem = DefinitionsProblem(
                    code=error.code,
                    message=str(error),
                    field=None,
                    request_id=request.state.request_id,
                    findings=error.findings,
                    hint=error.hint,
                )
                status = HTTPStatus.UNPROCESSABLE_ENTITY
                return JSONResponse(problem.model_dump(mode="json"), status_code=status)

        return handled


def definition_routes(desk: ReleaseDesk, staff: SignedIn) -> APIRouter:
    """The routes under `/definitions`. Staff read; authors publish, releasers release and roll back, both
    withdraw.
    """
    router = APIRouter(prefix="/definitions", tags=["definitions"], route_class=TellsFindings)
    _add_reading(router, desk, staff)
    _add_changing(router, desk, staff)
    return router


def _add_reading(router: APIRouter, desk: ReleaseDesk, staff: SignedIn) -> None:
    signed_in = [Depends(staff)]

    @router.get("/status", summary="What is in force, and what waits?", dependencies=signed_in)
    def status() -> LibraryStatus:
        """What tickets are served by, since when, and what was refused with its findings; each file's version
        and how the definitions folder of the API compares; the change sets that wait.
        """
        return desk.reading.status()

    @router.get("/versions", summary="List versions", dependencies=signed_in)
    def versions(wanted: Annotated[VersionFilter, Query()]) -> VersionList:
        """Number, digest, who, when and state (published, in_force, superseded, rolled_back) of each."""
        return VersionList(versions=tuple(desk.reading.versions(wanted.path)))

    @router.get("/content", summary="Show a version", dependencies=signed_in)
    def content(wanted: Annotated[ContentWanted, Query()]) -> Content:
        """The whole text of one version of one file; null where it removes the file."""
        return desk.reading.content(wanted.path, wanted.version)

    @router.get("/diff", summary="Compare two states of a file", dependencies=signed_in)
    def diff(wanted: Annotated[DifferenceWanted, Query()]) -> Difference:
        """As unified text, and for an SOP as a list of what became of its steps, SLA and escalation."""
        return desk.reading.difference(wanted.path, wanted.old, wanted.new)


def _add_changing(router: APIRouter, desk: ReleaseDesk, staff: SignedIn) -> None:
    @router.post("/publish", summary="Publish files")
    def publish(request: PublishRequest, principal: Annotated[Principal, Depends(staff)]) -> Published:
        """Needs the role author. The files become one change set that another person releases.

        The whole of the definitions is checked with them: 422 `definition_invalid` has the `findings`. The
        same again is no new version: `repeated`, or no change set where all of it is in force.
        """
        changes = {each.path: each.content for each in request.files}
        return desk.publish(changes, note=request.note, principal=principal)

    @router.post("/withdraw", summary="Withdraw a change set")
    def withdraw(request: WithdrawRequest, principal: Annotated[Principal, Depends(staff)]) -> Withdrawn:
        """Needs to be its publisher, or the role releaser. 409 once it was released, and while one of its
        versions is being rolled out. Its versions stay; the same again says `repeated`.
        """
        return desk.withdraw(request.change_set, reason=request.reason, principal=principal)

    @router.post("/release", summary="Release a change set")
    def release(request: ReleaseRequest, principal: Annotated[Principal, Depends(staff)]) -> Released:
        """Needs the role releaser, and nobody releases what they published: 403. 409 when a file has another
        version in force than the change set was made from. The same again says `repeated`.
        """
        return desk.release(request.change_set, principal=principal)

    @router.post("/rollback", summary="Go back to an earlier version")
    def rollback(request: RollbackRequest, principal: Annotated[Principal, Depends(staff)]) -> Released:
        """Needs the role releaser. What was in force once was released by two; one person takes it back."""
        return desk.roll_back(_target(request), to=request.to, reason=request.reason, principal=principal)


def _target(request: RollbackRequest) -> str | int:
    if (request.path is None) == (request.change_set is None):
        raise InvalidInput("expected either a path or a change set", field="path")
    return request.path if request.path is not None else request.change_set or 0
