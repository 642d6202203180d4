"""The policy files: which there are, what each is read into, and where each value stands.

To add a file, give it a model here and a field in `Policies`; the loader reads it from then on.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, RootModel, model_validator

from definitions.book import with_people
from definitions.findings import Finding, Position, found
from definitions.person_steps import Form
from definitions.sources import DefinitionFiles, file_at, files_in
from definitions.validation import validated
from definitions.yaml_source import Document
from domain.alerts import AlertPolicy
from domain.calendar import WorkCalendar
from domain.dispatch.tables import DispatchRule, EscalationTable, KeywordTable
from domain.duty import DutyConfig
from domain.errors import DefinitionError
from domain.handler_health import HandlerPolicy
from domain.handlers import HandlerSpec, HumanTask
from domain.http_services import HttpService
from domain.model import Model
from domain.paging_policy import PagingPolicy
from domain.patrol import PatrolPolicy
from domain.people import Directory
from domain.rescue import RescuePolicy
from domain.risk import RiskPolicy
from domain.roster import Roster
from domain.sla import SlaPolicy
from domain.spot_check import SpotCheckPolicy
from domain.task import Identifier
from domain.trend import TrendPolicy


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
    calendar: Identifier | None = Field(
        default=None, description="of calendars/: its days are the bank's working days, whatever the country"
    )


class HumanTaskEntry(HumanTask):
    """One entry of `human_tasks.yaml`: unlike a history, a file with an unknown field is wrong."""

    model_config = ConfigDict(extra="forbid")

    question: str = Field(min_length=1, max_length=2000)
    group: str = Field(default="", max_length=100)
    quorum: int = Field(default=1, ge=1, le=5, strict=True)
    four_eyes: bool = Field(default=True, strict=True)
    form: Form = Field(default_factory=dict)

    @model_validator(mode="after")
    def _fields_fit_the_kind(self) -> Self:
        if self.kind == "manual":
            for name in ("quorum", "four_eyes"):
                if name in self.model_fields_set:
                    raise ValueError(f"{name} belongs to a review; work by hand has one pair of hands")
        return self


class HumanTasksFile(RootModel[dict[Identifier, HumanTaskEntry]]):
    """`human_tasks.yaml`: handlers that are people, by handler name."""


class HttpFile(Model):
    """`http.yaml`: services that SOPs may call by `handler: http`."""

    services: dict[Identifier, HttpService] = Field(default_factory=dict, max_length=200)


class _File(NamedTuple):
    path: str
    model: type[BaseModel]
    optional: bool = False
    """Whether a bank may do without the file, as if it said nothing."""


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
    "http": _File("http.yaml", HttpFile, optional=True),
    "roster": _File("roster.yaml", Roster, optional=True),
    "paging": _File("paging.yaml", PagingPolicy, optional=True),
    "spot_checks": _File("spot_checks.yaml", SpotCheckPolicy, optional=True),
    "handlers": _File("handlers.yaml", HandlerPolicy, optional=True),
    "patrol": _File("patrol.yaml", PatrolPolicy, optional=True),
    "trends": _File("trends.yaml", TrendPolicy, optional=True),
    "rescue": _File("rescue.yaml", RescuePolicy, optional=True),
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
    http: HttpFile | None = None
    roster: Roster | None = None
    paging: PagingPolicy | None = None
    spot_checks: SpotCheckPolicy | None = None
    handlers: HandlerPolicy | None = None
    patrol: PatrolPolicy | None = None
    trends: TrendPolicy | None = None
    rescue: RescuePolicy | None = None
    documents: Mapping[str, Document] = field(default_factory=dict)
    """By the names of the fields above."""
    calendars: Mapping[str, WorkCalendar] | None = None
    """What `calendars/` has beside them, by name; None while one of those could not be read."""

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
    return file_at(path).document(path.name)


def read_directory(definitions: Path) -> Directory:
    """Who there is, by a definitions folder. Raises `DefinitionError` with the place of what is wrong."""
    document, findings = read_document(definitions / "policies" / FILES["directory"].path)
    directory = None
    if document is not None:
        directory, findings = validated(document, Directory)
    if directory is None:
        raise DefinitionError("; ".join(str(finding) for finding in findings))
    return directory


def read_policies(source: Path | DefinitionFiles) -> tuple[Policies, list[Finding]]:
    """Every policy file of a folder, on disk or as it was read, and all that is wrong inside each of them."""
    if isinstance(source, Path):
        source = files_in(source.parent).below(source.name)
    findings: list[Finding] = []
    documents: dict[str, Document] = {}
    models: dict[str, BaseModel] = {}
    for name, (path, model, optional) in FILES.items():
        if optional and path not in source.paths():
            models[name] = model()
            continue
        document, wrong = source.document(path)
        findings += wrong
        if document is not None:
            value, wrong = validated(document, model)
            findings += wrong
            if value is not None:
                documents[name] = document
                models[name] = value
    known = {file.path for file in FILES.values()}
    findings += [
        found(
            source.label(path),
            Position(1, 1),
            "OPS013",
            "no policy has this name",
            "a name from policies/README.md",
        )
        for path in source.paths()
        if path not in known
    ]
    return Policies(documents=documents, **models), findings  # type: ignore[arg-type]
