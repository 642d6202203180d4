"""The policy files: which there are, what each is read into, and where each value stands.

To add a file, give it a model here and a field in `Policies`; the loader reads it from then on.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, RootModel

from definitions.book import with_people
from definitions.findings import Finding, Position, found
from definitions.validation import validated
from definitions.yaml_source import MAX_BYTES, Document, read_yaml
from domain.alerts import AlertPolicy
from domain.dispatch.tables import DispatchRule, EscalationTable, KeywordTable
from domain.duty import DutyConfig
from domain.handlers import HandlerSpec, HumanTask
from domain.model import Model
from domain.people import Directory
from domain.risk import RiskPolicy
from domain.sla import SlaPolicy
from domain.task import Identifier


class RulesFile(Model):
    """`dispatch/rules.yaml`: layer 1, in the order in which rules are tried."""

    rules: tuple[DispatchRule, ...]


class SlaFile(Model):
    """`sla.yaml`: one policy per category."""

    policies: tuple[SlaPolicy, ...]


class ScreeningFile(Model):
    """`screening.yaml`: the names that payments are screened against."""

    names: tuple[str, ...]


class BankFile(Model):
    """`bank.yaml`: what holds for the bank as a whole."""

    country: str = Field(pattern=r"^[A-Z]{2}$")


class HumanTaskEntry(HumanTask):
    """One entry of `human_tasks.yaml`: unlike a history, a file with an unknown field is wrong."""

    model_config = ConfigDict(extra="forbid")

    question: str = Field(min_length=1, max_length=2000)
    group: str = Field(default="", max_length=100)


class HumanTasksFile(RootModel[dict[Identifier, HumanTaskEntry]]):
    """`human_tasks.yaml`: handlers that are people, by handler name."""


class _File(NamedTuple):
    path: str
    model: type[BaseModel]


FILES: Final[Mapping[str, _File]] = {
    "rules": _File("dispatch/rules.yaml", RulesFile),
    "keywords": _File("dispatch/keywords.yaml", KeywordTable),
    "escalation": _File("dispatch/escalation.yaml", EscalationTable),
    "sla": _File("sla.yaml", SlaFile),
    "duty": _File("duty.yaml", DutyConfig),
    "risk": _File("risk.yaml", RiskPolicy),
    "alerts": _File("alerts.yaml", AlertPolicy),
    "directory": _File("directory.yaml", Directory),
    "human_tasks": _File("human_tasks.yaml", HumanTasksFile),
    "screening": _File("screening.yaml", ScreeningFile),
    "bank": _File("bank.yaml", BankFile),
}


@dataclass(frozen=True)
class Policies:
    """All policy files as far as they could be read; None for one that could not."""

    rules: RulesFile | None = None
    keywords: KeywordTable | None = None
    escalation: EscalationTable | None = None
    sla: SlaFile | None = None
    duty: DutyConfig | None = None
    risk: RiskPolicy | None = None
    alerts: AlertPolicy | None = None
    directory: Directory | None = None
    human_tasks: HumanTasksFile | None = None
    screening: ScreeningFile | None = None
    bank: BankFile | None = None
    documents: Mapping[str, Document] = field(default_factory=dict)
    """By the names of the fields above."""

    @property
    def people(self) -> dict[str, HumanTask]:
        """The human tasks, as tickets keep them."""
        if self.human_tasks is None:
            return {}
        return {name: HumanTask(**dict(entry)) for name, entry in self.human_tasks.root.items()}

    def catalogue(self, handlers: Mapping[str, HandlerSpec]) -> dict[str, HandlerSpec] | None:
        """All handlers with the human tasks among them; None when those could not be read."""
        return None if self.human_tasks is None else with_people(handlers, self.people)


def read_document(path: Path) -> tuple[Document | None, list[Finding]]:
    """The YAML file at this path. A file that cannot be read is a finding, not an exception."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        return None, [
            found(str(path), Position(1, 1), "OPS001", f"cannot read the file: {reason}", "a YAML file")
        ]
    return read_yaml(str(path), content)


def read_policies(directory: Path) -> tuple[Policies, list[Finding]]:
    """Every policy file below this folder, and all that is wrong inside each of them."""
    findings: list[Finding] = []
    documents: dict[str, Document] = {}
    models: dict[str, BaseModel] = {}
    for name, (path, model) in FILES.items():
        document, wrong = read_document(directory / path)
        findings += wrong
        if document is not None:
            value, wrong = validated(document, model)
            findings += wrong
            if value is not None:
                documents[name] = document
                models[name] = value
    known = {directory / file.path for file in FILES.values()}
    findings += [
        found(
            str(path), Position(1, 1), "OPS013", "no policy has this name", "a name from policies/README.md"
        )
        for path in sorted(directory.rglob("*.y*ml"))
        if path not in known
    ]
    return Policies(documents=documents, **models), findings  # type: ignore[arg-type]
