"""`opsloop handlers`: the catalogue of what SOPs can name, and how each handler fares."""

import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from definitions.findings import suggestion
from definitions.policy_files import read_policies
from domain.errors import NotFound
from domain.fields import EXPECTED, FieldSpec
from domain.handlers import Effect, HandlerSpec, Queue
from workers.cli import handler_health
from workers.cli.output import console, facts, plain, print_json, table
from workers.cli.session import JsonOption, load_settings

_CHANGES = {
    Effect.NONE: "nothing",
    Effect.NOTICE: "notice: a fixed form that commits the bank to nothing",
    Effect.MESSAGE: "message: passes the duty gate",
    Effect.BANK: "bank: passes the duty gate",
}
_LONGEST_LINE = 110
_KEY_FORM = "<ticket id>/<step id>/<occurrence>"
"""The form of `StepInput.idempotency_key`."""


class _ShowsByDefault(TyperGroup):
    """`opsloop handlers [NAME]` is `opsloop handlers show [NAME]`."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]
        """Puts `show` before what is no command of the group."""
        if args[:1] != ["--help"] and (not args or args[0] not in self.commands):
            args = ["show", *args]
        return super().parse_args(ctx, args)


app = typer.Typer(cls=_ShowsByDefault, help="What SOPs can name, and how each of it fares.")
app.command()(handler_health.health)
app.command()(handler_health.degrade)
app.command()(handler_health.restore)


@app.command()
def show(
    name: Annotated[str | None, typer.Argument(help="one handler, with all that is known of it")] = None,
    definitions: Annotated[
        Path | None,
        typer.Option(help="definitions folder with the human tasks; default: OPSLOOP_DEFINITIONS_DIR"),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """List the handlers that SOPs can name: opsloop's, the bank's own, and the human tasks."""
    # Every adapter comes with it; commands that talk to the API start faster without them.
    from workers.activity_set import handler_specs  # noqa: PLC0415

    folder = definitions or load_settings().definitions_dir
    policies, _ = read_policies(folder / "policies")
    code = handler_specs()
    catalogue = policies.catalogue(code)
    if catalogue is None:
        said = "the human tasks cannot be read and are left out; `opsloop sop check` says why"
        typer.echo(f"{folder}: {said}", err=True)
        catalogue = code
    if name is not None and name not in catalogue:
        near = suggestion(name, catalogue)
        raise NotFound(f"no handler is called {name!r}{near}; `opsloop handlers` lists them")
    if name is None:
        _list(catalogue, as_json=as_json)
    else:
        _show(catalogue[name], as_json=as_json)


def _list(catalogue: Mapping[str, HandlerSpec], *, as_json: bool) -> None:
    specs = [spec for _, spec in sorted(catalogue.items())]
    if as_json:
        print_json([_document(spec) for spec in specs])
        return
    rows = [
        (
            spec.name,
            _kind(spec),
            spec.effect.value,
            ", ".join(spec.outcomes),
            _source(spec),
            textwrap.shorten(spec.summary, _LONGEST_LINE, placeholder=" …"),
        )
        for spec in specs
    ]
    columns = ("handler", "kind", "changes", "outcomes", "from", "what it does")
    console().print(table(columns, rows, fold_last=True))


def _show(spec: HandlerSpec, *, as_json: bool) -> None:
    if as_json:
        print_json(_document(spec))
        return
    screen = console()
    screen.print(facts(_facts(spec)))
    for title, fields, needed in (
        ("takes (`with`)", spec.inputs, "needed"),
        ("answers (`steps.<id>.data`)", spec.outputs, "always there"),
    ):
        if fields:
            screen.print(f"\n{title}")
            rows = [
                (name, _type(field), field.required or None, field.description)
                for name, field in fields.items()
            ]
            screen.print(table(("field", "type", needed, "what it is"), rows, fold_last=True))
    screen.print("\nin an SOP")
    screen.print(plain(snippet(spec)))


def _facts(spec: HandlerSpec) -> list[tuple[str, Any]]:
    human = spec.human
    pairs: list[tuple[str, Any]] = [
        ("handler", spec.name),
        ("what it does", spec.summary),
        ("kind", _kind(spec)),
        ("from", _source(spec)),
        ("outcomes", ", ".join(spec.outcomes)),
    ]
    if human is not None:
        return [
            *pairs,
            ("asked", f"{human.role} of {human.group or 'the group of the ticket'}"),
            ("must approve", human.quorum if human.kind == "review" else None),
            ("four eyes", human.four_eyes if human.kind == "review" else None),
            ("deadline", human.deadline),
            ("silence means", human.on_late),
        ]
    harmless = [f"{name} is {' or '.join(values)}" for name, values in spec.harmless_when.items()]
    return [
        *pairs,
        ("changes", _CHANGES[spec.effect]),
        ("changes nothing when", " and ".join(harmless)),
        ("idempotency key", _KEY_FORM if spec.effect is not Effect.NONE else None),
        ("undone by", spec.compensation),
        ("not undone, because", spec.irreversible),
        ("unknown outcome", f"settled by {spec.resolver}" if spec.resolver else None),
        ("queue", f"{Queue.TICKETS.value} (local)" if spec.local else spec.queue.value),
        ("reads results", "of the steps before" if spec.reads_results else None),
    ]


def snippet(spec: HandlerSpec) -> str:
    """A step of an SOP with this handler, to be copied and filled in."""
    step = [f"- name: {spec.name.replace('_', ' ').title()}", f"  handler: {spec.name}"]
    if spec.human is None and not spec.local:
        step += ["  timeout: 30s", "  retry: 3"]
    needed = [(name, field) for name, field in spec.inputs.items() if field.required]
    if needed:
        step += ["  with:", *(f"    {name}: {_example(field)}" for name, field in needed)]
    if len(spec.outcomes) > 1:
        step += ["  branch:", *(f"    {outcome}: []" for outcome in spec.outcomes)]
    if spec.effect.gated and not spec.compensation and not spec.irreversible:
        step += ["  compensate: {none: say why nothing undoes it}"]
    return "\n".join(step)


def _document(spec: HandlerSpec) -> dict[str, Any]:
    return {
        **spec.model_dump(mode="json"),
        "kind": _kind(spec),
        "idempotency_key": _KEY_FORM if spec.effect is not Effect.NONE else None,
    }


def _kind(spec: HandlerSpec) -> str:
    if spec.human is not None:
        return f"person ({spec.human.kind})"
    return "control" if spec.control else "code"


def _source(spec: HandlerSpec) -> str:
    if spec.human is not None:
        return "human_tasks.yaml"
    return spec.source or "opsloop"


def _type(field: FieldSpec) -> str:
    return f"one of {', '.join(field.choices)}" if field.choices else EXPECTED[field.type]


def _example(field: FieldSpec) -> str:
    return field.choices[0] if field.choices else f"…  # {EXPECTED[field.type]}"
