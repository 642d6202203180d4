"""`opsloop metrics`: what Prometheus reads of the API, as a table."""

from typing import Annotated

import typer
from prometheus_client.parser import text_string_to_metric_families

from workers.cli.output import console, print_json, table
from workers.cli.session import ApiOption, AsOption, JsonOption, connect


def metrics(
    about: Annotated[str, typer.Argument(metavar="WORD", help="only those with this in their name")] = "",
    principal: AsOption = None,
    api: ApiOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show how the installation stands: open tickets, reviews, alerts, pages, providers."""
    text = connect(api, principal).text("metrics")
    found = [
        (sample, family.documentation)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if about in sample.name
    ]
    if as_json:
        keys = ("name", "labels", "value", "meaning")
        values = ((each.name, dict(each.labels), each.value, meaning) for each, meaning in found)
        print_json([dict(zip(keys, each, strict=True)) for each in values])
        return
    rows = [
        (
            each.name,
            " ".join(f"{name}={value or '-'}" for name, value in each.labels.items()),
            f"{each.value:g}",
            meaning,
        )
        for each, meaning in found
    ]
    console().print(table(("metric", "of", "value", "meaning"), rows, fold_last=True))
