"""The handler catalogue: what SOPs can name, with what the interpreter must know about each.

A handler is a method of an activities class, marked with `@handler`. Its function name is its name in
SOPs and its activity type in histories, so it never changes.
"""

import functools
from collections.abc import Callable, Iterable
from typing import Any, ParamSpec, TypeVar

from temporalio import activity
from temporalio.exceptions import ApplicationError

from domain.errors import OpsloopError
from domain.handlers import Effect, HandlerSpec, Queue
from domain.steps import StepInput, StepOutput

_Owner = TypeVar("_Owner")
_Params = ParamSpec("_Params")
_Result = TypeVar("_Result")
_HandlerMethod = Callable[[_Owner, StepInput], StepOutput]
_SPEC = "__handler_spec__"


def translated(error: OpsloopError) -> ApplicationError:
    """The error as Temporal knows it: its code as the type, never retried when that cannot help."""
    return ApplicationError(str(error), type=error.code, non_retryable=not error.retryable)


def handler(
    *,
    effect: Effect = Effect.NONE,
    local: bool = False,
    queue: Queue = Queue.TICKETS,
    outcomes: tuple[str, ...] = ("done",),
    control: bool = False,
    assesses_risk: bool = False,
    resolver: str | None = None,
) -> Callable[[_HandlerMethod[_Owner]], _HandlerMethod[_Owner]]:
    """Makes a method a handler: an activity with a catalogue entry, its errors translated.

    The first line of the docstring is its summary in the catalogue.
    """

    def mark(method: _HandlerMethod[_Owner]) -> _HandlerMethod[_Owner]:
        spec = HandlerSpec(
            name=method.__name__,
            summary=(method.__doc__ or "").strip().splitlines()[0],
            effect=effect,
            local=local,
            queue=queue,
            outcomes=outcomes,
            control=control,
            assesses_risk=assesses_risk,
            resolver=resolver,
        )

        @functools.wraps(method)
        def run(self: _Owner, step: StepInput) -> StepOutput:
            try:
                return method(self, step)
            except OpsloopError as error:
                raise translated(error) from error

        setattr(run, _SPEC, spec)
        return activity.defn(name=spec.name)(run)

    return mark


def task(method: Callable[_Params, _Result]) -> Callable[_Params, _Result]:
    """Makes a method an activity of the workflow's own, with its errors translated."""

    @functools.wraps(method)
    def run(*args: _Params.args, **kwargs: _Params.kwargs) -> _Result:
        try:
            return method(*args, **kwargs)
        except OpsloopError as error:
            raise translated(error) from error

    return activity.defn(name=method.__name__)(run)


def activities_of(owner: object) -> list[Callable[..., Any]]:
    """All activities of an object, for registration with a worker."""
    methods = (getattr(owner, name) for name in dir(owner) if not name.startswith("_"))
    return [each for each in methods if hasattr(each, "__temporal_activity_definition")]


def handlers_of(owners: Iterable[object]) -> dict[str, HandlerSpec]:
    """The catalogue entries of all handlers among these objects' (or classes') methods."""
    specs: dict[str, HandlerSpec] = {}
    for owner in owners:
        for name in dir(owner):
            spec = getattr(getattr(owner, name), _SPEC, None)
            if spec is not None:
                specs[spec.name] = spec
    return specs
