"""`opsloop review …`: what waits for a person, and the person's answer."""

from typing import Annotated, Any

import typer

from workers.cli.output import console, facts, print_json, table, when
from workers.cli.session import ApiOption, AsOption, JsonOption, connect

app = typer.Typer(no_args_is_help=True, help="See what waits for a decision, and decide.")

ReviewArgument = Annotated[str, typer.Argument(metavar="REVIEW_ID", help="the review's id")]
DigestOption = Annotated[
    str | None,
    typer.Option("--digest", help="digest that `review show` printed; default: of the review as it is now"),
]


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
    """Show a review: the question, the evidence, what an approval covers."""
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
    digest: DigestOption = None,
    principal: AsOption = None,
    api: ApiOption = None,
    as_json: JsonOption = False,
) -> None:
    """Approve a review."""
    answer = {"verb": "approve", "choice": choice, "reason": reason}
    _decide(review_id, answer, digest, principal, api, as_json=as_json)


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
    print_json({"review_id": review_id, "verb": "approve", "reason": "", "code": issued["code"]})


def _decide(
    review_id: str,
    answer: dict[str, Any],
    digest: str | None,
    principal: str | None,
    api: str | None,
    *,
    as_json: bool,
) -> None:
    """Sends the answer, bound to the digest given or to the review as it is shown now."""
    connection = connect(api, principal)
    if digest is None:
        shown = connection.get("reviews", review_id)
        digest = shown["digest"]
        if not as_json:
            console().print(facts(_facts(shown)))
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
        (
            "an approval covers",
            "\n".join(f"{each['step_id']}: {each['handler']}" for each in review["effects"]),
        ),
        ("asked of", f"{review['role']} in {review['group']}" if review["group"] else review["role"]),
        ("four eyes", review["four_eyes"]),
        ("opened", when(review["opened_at"])),
        ("deadline", when(review["deadline_at"])),
        ("if nobody decides", review["on_late"]),
        ("digest", shown["digest"]),
    ]
