"""The handler catalogue: what SOPs can name, with what the interpreter must know about each.

A handler is a method of an activities class, marked with `@handler`. Its function name is its name in
SOPs and its activity type in histories, so it never changes. `docs/handlers.md` shows how to write one.
"""

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, ParamSpec, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError, from_json, to_json
from temporalio import activity
from temporalio.exceptions import ApplicationError, TemporalError

from activities.field_models import check_inputs, field_specs, output_problem
from domain.errors import DefinitionError, HandlerBroken, OpsloopError
from domain.handlers import Effect, HandlerSpec, Queue
from domain.steps import StepInput, StepOutput
from domain.task import Identifier, RiskLevel

MOST_DATA_BYTES: Final = 65_536
"""Of a handler's data as JSON. Histories keep it: documents go to the store, by reference."""
LONGEST_SUMMARY: Final = 2_000

_Owner = TypeVar("_Owner")
_Params = ParamSpec("_Params")
_Result = TypeVar("_Result")
_HandlerMethod = Callable[[_Owner, StepInput], StepOutput]
_SPEC = "__handler_spec__"
_NAMES: Final = TypeAdapter[str](Identifier)


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
    inputs: type[BaseModel] | None = None,
    outputs: type[BaseModel] | None = None,
    reads_results: bool = False,
    compensation: str | None = None,
    irreversible: str = "",
    harmless_when: Mapping[str, tuple[str, ...]] | None = None,
) -> Callable[[_HandlerMethod[_Owner]], _HandlerMethod[_Owner]]:
    """Makes a method a handler: an activity with a catalogue entry, its errors translated.

    The first line of the docstring is its summary in the catalogue. `inputs` says what `with` may give it
    (without a model: nothing); `outputs` what its data holds (without one: not checked, and unknown to
    `sop check`). What is called and what is answered is held against the entry: a wrong input fails with
    `input_invalid`, an answer that the entry does not allow with `handler_broken`. The other arguments are
    those of `HandlerSpec`. Raises `DefinitionError` for an entry that makes no sense.
    """

    def mark(method: _HandlerMethod[_Owner]) -> _HandlerMethod[_Owner]:
        name = method.__name__
        try:
            spec = HandlerSpec(
                name=name,
                summary=next(iter((method.__doc__ or "").strip().splitlines()), ""),
                effect=effect,
                local=local,
                queue=queue,
                outcomes=outcomes,
                control=control,
                assesses_risk=assesses_risk,
                resolver=resolver,
                inputs=field_specs(inputs),
                outputs=field_specs(outputs),
                reads_results=reads_results,
                compensation=compensation,
                irreversible=irreversible,
                harmless_when=dict(harmless_when or {}),
            )
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            field = ".".join(str(each) for each in first["loc"])
            raise DefinitionError(f"handler {name}: {field}: {first['msg']}") from None
        problem = _contradiction(spec, method)
        if problem:
            raise DefinitionError(f"handler {name}: {problem}")

        @functools.wraps(method)
        def run(self: _Owner, step: StepInput) -> StepOutput:
            try:
                check_inputs(name, inputs, spec.inputs, step.inputs)
                return _as_declared(spec, outputs, method(self, step))
            except OpsloopError as error:
                raise translated(error) from error
            except TemporalError:
                raise
            except Exception as error:
                # Its own text may hold anything; the cause has it, for engineers.
                raise ApplicationError(
                    f"{name} failed unexpectedly: {type(error).__name__}", type=HandlerBroken.code
                ) from error

        setattr(run, _SPEC, spec)
        return activity.defn(name=spec.name)(run)

    return mark


def _contradiction(spec: HandlerSpec, method: Callable[..., Any]) -> str | None:
    """What makes no sense in an entry, or None."""
    risks = {level.value for level in RiskLevel}
    wrong = [each for each in (spec.name, *spec.outcomes) if not _is_name(each)]
    checks = (
        (wrong, f"{', '.join(map(repr, wrong))}: names and outcomes are in snake case"),
        (not spec.summary, "a docstring is missing; its first line is the summary in the catalogue"),
        (inspect.iscoroutinefunction(method), "handlers are plain functions, not async ones"),
        (not spec.outcomes, "outcomes: at least one is needed"),
        (len(set(spec.outcomes)) < len(spec.outcomes), "outcomes: one stands there twice"),
        (spec.local and spec.effect is not Effect.NONE, "what changes something outside is not local"),
        (spec.compensation and spec.irreversible, "either compensation or irreversible, not both"),
        (spec.assesses_risk and not risks.issuperset(spec.outcomes), "a risk is low, medium or high"),
        (set(spec.harmless_when) - set(spec.inputs), "harmless_when: names an input that is not there"),
    )
    return next((words for is_wrong, words in checks if is_wrong), None)


def _is_name(text: str) -> bool:
    try:
        _NAMES.validate_python(text)
    except ValidationError:
        return False
    return True


def _as_declared(spec: HandlerSpec, outputs: type[BaseModel] | None, answer: object) -> StepOutput:
    """The answer as a history keeps it. Raises `HandlerBroken` where it is not what the entry says."""
    if not isinstance(answer, StepOutput):
        raise _broken(spec, f"answered {type(answer).__name__}, not a StepOutput")
    if answer.outcome not in spec.outcomes:
        raise _broken(spec, f"answered an outcome other than {', '.join(spec.outcomes)}")
    if len(answer.summary) > LONGEST_SUMMARY:
        raise _broken(spec, f"answered a summary of more than {LONGEST_SUMMARY:,} characters")
    try:
        written = to_json(answer.data)
    except (PydanticSerializationError, ValueError) as error:
        raise _broken(spec, f"answered data that is not JSON ({type(error).__name__})") from None
    if len(written) > MOST_DATA_BYTES:
        raise _broken(spec, f"answered more than {MOST_DATA_BYTES:,} bytes of data")
    data = from_json(written)
    problem = output_problem(outputs, spec.outputs, data)
    if problem:
        raise _broken(spec, f"answered other data than it declares: {problem}")
    return answer.model_copy(update={"data": data})


def _broken(spec: HandlerSpec, what: str) -> HandlerBroken:
    done = "; what it did outside may be in force" if spec.effect is not Effect.NONE else ""
    return HandlerBroken(f"{spec.name} {what}{done}")


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
