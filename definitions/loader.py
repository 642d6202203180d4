"""Reads definitions from files: one SOP, or everything a bank configured as one `Rulebook`.

Nothing here raises for what a file says: all that is wrong comes back as findings, in one go.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from definitions.book import Rulebook
from definitions.book_checks import SopFile, calls_or_is_called, check_calls, check_people
from definitions.calendar_files import FOLDER as CALENDARS
from definitions.calendar_files import is_calendar_name, read_calendars
from definitions.checks import Catalogue, check_sop
from definitions.findings import Finding, Position, found, has_errors, suggestion
from definitions.http_checks import http_calls_fit
from definitions.partial import unaffected, without_wrong_fields
from definitions.policy_checks import check_policies
from definitions.policy_files import FILES, Policies, read_document, read_policies
from definitions.schema import Sop
from definitions.sources import CASES, DefinitionFiles, content_digest, digest_of_files, files_in
from definitions.validation import validated
from definitions.yaml_source import Document, read_yaml
from definitions.yaml_source import Path as Place
from domain.dispatch.engine import DEFAULT_ACTION, UNKNOWN_CATEGORY
from domain.dispatch.tables import DispatchTables
from domain.duration import format_duration
from domain.handler_health import HandlerPolicy
from domain.handlers import HandlerSpec
from domain.paging_policy import PagingPolicy
from domain.patrol import PatrolPolicy
from domain.people import Directory
from domain.rescue import RescuePolicy
from domain.roster import Roster
from domain.sla import DEFAULT_SLA
from domain.spot_check import SpotCheckPolicy
from domain.trend import TrendPolicy

_TOLD_BY_PLACE = ("group", "lead", "on_call")


def read_sop(path: Path, catalogue: Catalogue | None) -> tuple[Sop | None, list[Finding]]:
    """The SOP in this file, or None when it has errors, and all findings.

    `catalogue` has every handler, people among them; without one only the form is checked.
    """
    document, findings = read_document(path)
    file, more = _sop_of(document, catalogue)
    return _sound(file, more), findings + more


def parse_sop(
    text: str | bytes, catalogue: Catalogue | None, *, file: str = "<text>"
) -> tuple[Sop | None, list[Finding]]:
    """Like `read_sop`, from text; `file` only names it in findings."""
    document, findings = read_yaml(file, text)
    parsed, more = _sop_of(document, catalogue)
    return _sound(parsed, more), findings + more


def load_rulebook(
    definitions: Path | DefinitionFiles, handlers: Mapping[str, HandlerSpec]
) -> tuple[Rulebook | None, list[Finding]]:
    """Everything below a folder (`sops/*.yaml`, `policies/`, `calendars/`), or None when there are errors.

    `definitions` is the folder on disk, or its files as they were read before or kept elsewhere. `handlers`
    are those that are code; the people of `policies/human_tasks.yaml` join them.
    """
    source = files_in(definitions) if isinstance(definitions, Path) else definitions
    policies, findings = _read_policies(source)
    findings += check_policies(policies, handlers)
    files, wrong, complete = _read_sops(source.below("sops"), policies.catalogue(handlers))
    findings += wrong
    findings += _triggers(source.label("sops"), files, complete=complete)
    findings += check_calls(files, policies.catalogue(handlers) or {}, complete=complete)
    for file in files:
        findings += _fit(file, policies)
    if complete:
        findings += _served(policies, files)
    findings.sort(key=lambda finding: (finding.file, finding.line, finding.column))
    return None if has_errors(findings) else _rulebook(policies, files, source), findings


def is_definition(path: str) -> bool:
    """Whether a rulebook is read from a file at this path below the definitions folder."""
    folder, _, name = path.partition("/")
    if folder == CALENDARS:
        return is_calendar_name(name)
    if folder == "policies":
        return name in {file.path for file in FILES.values()}
    return folder == "sops" and _is_sop_name(name)


def definition_digests(files: DefinitionFiles) -> dict[str, str]:
    """The digest of each file that a rulebook is read from, by its path."""
    return {path: content_digest(content) for path, content in files.contents.items() if is_definition(path)}


def check_sop_files(
    paths: Sequence[Path], directory: Path, handlers: Mapping[str, HandlerSpec]
) -> list[Finding]:
    """The findings for SOP files wherever they lie, against the policies below `directory`.

    Errors in those policies are reported too, since a file cannot be checked fully against them. A policy
    or calendar of the folder may be named as well: then its warnings are reported with its errors.
    """
    policies, wrong = _read_policies(files_in(directory))
    wrong += check_policies(policies, handlers)
    others_than_sops = [directory / "policies" / each.path for each in FILES.values()]
    others_than_sops += (directory / CALENDARS).glob("*.yaml")
    named = {path.resolve() for path in paths} & {each.resolve() for each in others_than_sops}
    findings = [each for each in wrong if has_errors([each]) or Path(each.file).resolve() in named]
    catalogue = policies.catalogue(handlers)
    files: list[SopFile] = []
    for path in paths:
        if path.resolve() in named:
            continue
        document, unread = read_document(path)
        file, wrong = _sop_of(document, catalogue)
        findings += unread + wrong
        if file is not None:
            files.append(file)
            findings += _fit(file, policies)
    if catalogue is not None and any(calls_or_is_called(file.sop) for file in files):
        others, _, complete = _read_sops(files_in(directory).below("sops"), catalogue)
        findings += check_calls(files, catalogue, [other.sop for other in others], complete=complete)
    return findings


def _read_policies(source: DefinitionFiles) -> tuple[Policies, list[Finding]]:
    """The policies with the calendars that they name."""
    policies, findings = read_policies(source.below("policies"))
    calendars, wrong = read_calendars(source.below(CALENDARS))
    return replace(policies, calendars=None if has_errors(wrong) else calendars), findings + wrong


def _is_sop_name(name: str) -> bool:
    return name.endswith(".yaml") and not name.endswith(CASES) and "/" not in name


def _sound(file: SopFile | None, findings: list[Finding]) -> Sop | None:
    return None if file is None or has_errors(findings) else file.sop


def _sop_of(document: Document | None, catalogue: Catalogue | None) -> tuple[SopFile | None, list[Finding]]:
    """The SOP, as far as it can be read, and all findings; one with errors is good for more checks only."""
    if document is None:
        return None, []
    if isinstance(document.data, dict) and type(document.data.get("version")) in (int, float):
        # 1.10 is another version than 1.1, although they are the same number.
        document.data["version"] = document.texts[("version",)]
    sop, findings = validated(document, Sop)
    removed: list[Place] = []
    if sop is None:
        sop, removed = without_wrong_fields(document)
    if sop is not None and catalogue is not None:
        findings += unaffected(check_sop(sop, document, catalogue), document, removed)
    return (None if sop is None else SopFile(document, sop)), findings


def _read_sops(
    source: DefinitionFiles, catalogue: Catalogue | None
) -> tuple[list[SopFile], list[Finding], bool]:
    files: list[SopFile] = []
    findings: list[Finding] = []
    complete = True
    for name in source.paths():
        if not _is_sop_name(name):
            expected = f"{PurePosixPath(name).stem}.yaml directly in sops/"
            findings.append(
                found(source.label(name), Position(1, 1), "OPS013", "not an SOP by its name", expected)
            )
            continue
        document, unread = source.document(name)
        file, wrong = _sop_of(document, catalogue)
        findings += unread + wrong
        complete = complete and _sound(file, wrong) is not None
        if file is not None:
            files.append(file)
    return files, findings, complete


def _triggers(folder: str, files: Sequence[SopFile], *, complete: bool) -> Iterator[Finding]:
    """One SOP for each trigger, and one for all the rest."""
    first: dict[tuple[str, str | None], str] = {}
    for document, sop in files:
        if sop.trigger is None:
            continue
        key = (sop.trigger.category, sop.trigger.action)
        if key in first:
            yield found(
                document.file,
                document.key_at("trigger"),
                "OPS301",
                f"{first[key]} has the trigger {_named(*key)} already",
                "a trigger of its own",
            )
        first.setdefault(key, document.file)
    if complete and (UNKNOWN_CATEGORY, None) not in first:
        yield found(
            folder,
            Position(1, 1),
            "OPS302",
            "no SOP serves tickets of an unknown kind",
            f"one SOP with the trigger `category: {UNKNOWN_CATEGORY}` and no action",
        )


def _fit(file: SopFile, policies: Policies) -> Iterator[Finding]:
    """Whether an SOP fits the directory and the SLA policies."""
    document, sop = file
    directory = policies.directory
    if directory is not None:
        yield from check_people(document, sop, directory)
        if sop.escalation and not _is_reachable(sop.escalation.to, directory):
            names = [each.name for each in directory.groups] + [each.id for each in directory.principals]
            to = sop.escalation.to
            yield found(
                document.file,
                document.value_at("escalation", "to"),
                "OPS303",
                f"unknown group or person {to!r}{suggestion(to, names)}",
                "a group or person of policies/directory.yaml, or group, lead or on_call",
            )
    yield from http_calls_fit(document, sop, policies)
    for policy in policies.sla.policies if policies.sla else ():
        if (
            sop.escalation
            and sop.trigger
            and policy.category == sop.trigger.category
            and sop.escalation.at < (sop.sla or DEFAULT_SLA)
            and policy.sla_hours * 3600 <= (sop.escalation.at.total_seconds())
        ):
            yield found(
                document.file,
                document.value_at("escalation", "at"),
                "OPS313",
                f"the escalation at {format_duration(sop.escalation.at)} is not before the "
                f"{policy.sla_hours:g} h that the policy for {policy.category!r} allows",
                "an earlier escalation",
            )


def _is_reachable(to: str, directory: Directory) -> bool:
    return to in _TOLD_BY_PLACE or directory.group(to) is not None or directory.principal(to) is not None


def _served(policies: Policies, files: Sequence[SopFile]) -> Iterator[Finding]:
    """Whether what dispatch finds has an SOP other than the general one."""
    triggers = {(each.category, each.action) for file in files if (each := file.sop.trigger)}
    for index, rule in enumerate(policies.rules.rules if policies.rules else ()):
        if rule.action == DEFAULT_ACTION:
            # The action of work that a person does: the general SOP is what it means.
            continue
        specific = (rule.category, rule.action) in triggers or (rule.category, None) in triggers
        if not specific:
            document = policies.documents["rules"]
            yield found(
                document.file,
                document.value_at("rules", index, "category"),
                "OPS309",
                f"no SOP of its own serves {_named(rule.category, rule.action)} (rule {rule.name!r})",
                "an SOP with this trigger, unless the general one is meant",
            )


def _named(category: str, action: str | None) -> str:
    return f"{category}/{action}" if action else f"{category} (any action)"


def _rulebook(policies: Policies, files: Sequence[SopFile], source: DefinitionFiles) -> Rulebook | None:
    # Every file is there when nothing had an error; the type checker is told so once.
    if not (
        policies.rules
        and policies.keywords
        and policies.escalation
        and policies.sla
        and policies.duty
        and policies.risk
        and policies.alerts
        and policies.directory
        and policies.screening
        and policies.bank
    ):
        return None
    return Rulebook(
        sops=tuple(file.sop for file in files),
        dispatch=DispatchTables(
            rules=policies.rules.rules, keywords=policies.keywords, escalation=policies.escalation
        ),
        sla={policy.category: policy for policy in policies.sla.policies},
        duty=policies.duty,
        risk=policies.risk,
        alerts=policies.alerts,
        directory=policies.directory,
        human_tasks=policies.people,
        country=policies.bank.country,
        calendars=dict(policies.calendars or {}),
        calendar=policies.bank.calendar or "",
        sanctions=policies.screening.names,
        http_services=policies.http.services if policies.http else {},
        written_roster=policies.roster or Roster(),
        paging=policies.paging or PagingPolicy(),
        spot_checks=policies.spot_checks or SpotCheckPolicy(),
        degraded=policies.handlers or HandlerPolicy(),
        patrol=policies.patrol or PatrolPolicy(),
        trends=policies.trends or TrendPolicy(),
        rescue=policies.rescue or RescuePolicy(),
        digest=digest_of_files(definition_digests(source)),
    )
