"""`opsloop review …`: what waits for a person, and the person's answer."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final

import typer

from domain.fields import EXPECTED, FormField
from workers.cli.assignments import answers, assignments, form_of
from workers.cli.output import console, facts, print_json, table, when
from workers.cli.session import ApiOption, AsOption, JsonOption, connect

app = typer.Typer(no_args_is_help=True, help="See what waits for a decision, and decide.")

ReviewArgument = Annotated[str, typer.Argument(metavar="REVIEW_ID", help="the review's id")]
DigestOption = Annotated[
    str | None,
    typer.Option("--digest", help="digest that `review show` printed; default: of the review as it is now"),
]
FieldOption = Annotated[
    list[str] | None,
    typer.Option("--field", metavar="NAME=VALUE", help="answers a field of the form; once for each field"),
]

_SILENCE: Final = {
    "wait": "it goes on waiting, and people are told again",
    "escalate": "whoever is on call is asked",
    "go_on": "the run goes on, with nothing approved (outcome late)",
    "reject": "it counts as a no",
}


@app.command("list")
def list_reviews(
    group: Annotated[str | None, typer.Option(help="only reviews of this group")] = None,
    mine: Annotated[bool, typer.Option("--mine", help="only reviews of my groups and roles")] = False,
    principal: AsOption = None,
    api: ApiOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the reviews that wait, the oldest first."""
    listed = connect(api, principal).get("reviews", group=group, mine=mine)
    if as_json:
        print_json(listed)
        return
    rows = [
        (
            each["review"]["review_id"],
            each["review"]["kind"],
            each["review"]["group"],
            when(each["review"]["deadline_at"]),
            each["review"]["question"],
        )
        for each in listed["reviews"]
    ]
    columns = ("review", "kind", "group", "deadline", "question")
    console().print(table(columns, rows, fold_last=True) if rows else "nothing waits for a decision")


@app.command()
def show(
    review_id: ReviewArgument, principal: AsOption = None, api: ApiOption = None, as_json: JsonOption = False
) -> None:
    """Show a review: the question, the evidence, the form, what an approval covers, what silence means."""
    shown = connect(api, principal).get("reviews", review_id)
    if as_json:
        print_json(shown)
    else:
        console().print(facts(_facts(shown)))


@app.command()
def approve(
    review_id: ReviewArgument,
    *,
    choice: Annotated[str | None, typer.Option("--choice", help="for a route: one of its choices")] = None,
    reason: Annotated[str, typer.Option("--reason", help="kept in the timeline")] = "",
    fields: FieldOption = None,
    digest: DigestOption = None,
    principal: AsOption = None,
    api: ApiOption = None,
    as_json: JsonOption = False,
) -> None:
    """Approve a review, with the answers to its form where it has one."""
    answer = {"verb": "approve", "choice": choice, "reason": reason}
    _decide(review_id, answer, digest, principal, api, fields=fields or [], as_json=as_json)


@app.command()
def reject(
    review_id: ReviewArgument,
    *,
    reason: Annotated[str, typer.Option("--reason", help="why; kept in the timeline")],
    digest: DigestOption = None,
    principal: AsOption = None,
    api: ApiOption = None,
    as_json: JsonOption = False,
) -> None:
    """Reject a review."""
    _decide(review_id, {"verb": "reject", "reason": reason}, digest, principal, api, as_json=as_json)


@app.command()
def code(
    review_id: ReviewArgument, principal: AsOption = None, api: ApiOption = None, as_json: JsonOption = False
) -> None:
    """Get a short-lived code to decide from the Temporal UI, bound to you and to what is shown."""
    issued = connect(api, principal).post("reviews", review_id, "code", body={})
    if as_json:
        print_json(issued)
        return
    out = console()
    out.print(facts(_facts(issued)))
    out.print(f"\nGood for {issued['expires_in_s']} s. In the Temporal UI send the Update `decide` with:")
    form = {name: EXPECTED[field.type] for name, field in form_of(issued["review"]).items()}
    decision = {"review_id": review_id, "verb": "approve", "reason": "", "code": issued["code"]}
    print_json({**decision, "form": form} if form else decision)


def _decide(
    review_id: str,
    answer: dict[str, Any],
    digest: str | None,
    principal: str | None,
    api: str | None,
    *,
    fields: Sequence[str] = (),
    as_json: bool,
) -> None:
    """Sends the answer, bound to the digest given or to the review as it is shown now."""
    given = assignments(fields, "--field")
    connection = connect(api, principal)
    if digest is None or given:
        shown = connection.get("reviews", review_id)
        if given:
            answer = {**answer, "form": answers(form_of(shown["review"]), given)}
        if digest is None and not as_json:
            console().print(facts(_facts(shown)))
        digest = digest or shown["digest"]
    outcome = connection.post("reviews", review_id, "decision", body={**answer, "digest": digest})
    if as_json:
        print_json(outcome)
    else:
        console().print(f"\n{review_id}: {outcome['message']}")


def _facts(shown: dict[str, Any]) -> list[tuple[str, Any]]:
    review = shown["review"]
    return [
        ("review", review["review_id"]),
        ("ticket", review["task_id"]),
        ("question", review["question"]),
        ("evidence", "\n".join(review["evidence"])),
        ("choices", ", ".join(review["choices"])),
        ("form", "\n".join(_field(name, field) for name, field in form_of(review).items())),
        (
            "an approval covers",
            "\n".join(_effect(each) for each in review["effects"]),
        ),
        ("asked of", f"{review['role']} in {review['group']}" if review["group"] else review["role"]),
        ("four eyes", review["four_eyes"]),
        ("approvals", _approvals(review)),
        ("opened", when(review["opened_at"])),
        ("deadline", when(review["deadline_at"])),
        ("if nobody decides", _SILENCE.get(review["on_late"], review["on_late"])),
        ("digest", shown["digest"]),
    ]


def _effect(effect: Mapping[str, Any]) -> str:
    """One effect: `execute_freeze: core_system_freeze (amount 500.00)`."""
    given = ", ".join(f"{name} {value}" for name, value in effect.get("inputs", {}).items())
    return f"{effect['step_id']}: {effect['handler']}" + (f" ({given})" if given else "")


def _field(name: str, field: FormField) -> str:
    kind = f"one of {', '.join(field.choices)}" if field.choices else EXPECTED[field.type]
    label = f" {field.label}:" if field.label else ""
    return f"{name}:{label} {kind}{'' if field.required else ' (may be left out)'}"


def _approvals(review: Mapping[str, Any]) -> str:
    """How many of those who must approve have, and who; nothing to say where one is enough."""
    if review["quorum"] == 1:
        return ""
    by = f": {', '.join(review['approvals'])}" if review["approvals"] else ""
    return f"{len(review['approvals'])} of {review['quorum']}{by}"
