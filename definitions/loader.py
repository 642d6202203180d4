"""Reads definitions from files: one SOP, or everything a bank configured as one `Rulebook`.

Nothing here raises for what a file says: all that is wrong comes back as findings, in one go.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from definitions.book import Rulebook
from definitions.checks import Catalogue, check_sop
from definitions.findings import Finding, Position, found, has_errors, suggestion
from definitions.policy_checks import check_policies, too_few_people, unknown_group
from definitions.policy_files import FILES, Policies, read_document, read_policies
from definitions.schema import Sop
from definitions.validation import validated
from definitions.yaml_source import Document, read_yaml
from domain.dispatch.engine import DEFAULT_ACTION, UNKNOWN_CATEGORY
from domain.dispatch.tables import DispatchTables
from domain.duration import format_duration
from domain.handlers import HandlerSpec
from domain.people import Directory, Role

_TOLD_BY_PLACE = ("group", "lead", "on_call")


class _SopFile(NamedTuple):
    document: Document
    sop: Sop


def read_sop(path: Path, catalogue: Catalogue | None) -> tuple[Sop | None, list[Finding]]:
    """The SOP in this file, or None when it has errors, and all findings.

    `catalogue` has every handler, people among them; without one only the form is checked.
    """
    file, findings = _read_sop_file(path, catalogue)
    return file.sop if file else None, findings


def parse_sop(
    text: str | bytes, catalogue: Catalogue | None, *, file: str = "<text>"
) -> tuple[Sop | None, list[Finding]]:
    """Like `read_sop`, from text; `file` only names it in findings."""
    document, findings = read_yaml(file, text)
    parsed, more = _sop_of(document, catalogue)
    return parsed.sop if parsed else None, findings + more


def load_rulebook(
    directory: Path, handlers: Mapping[str, HandlerSpec]
) -> tuple[Rulebook | None, list[Finding]]:
    """Everything below `directory` (`sops/*.yaml`, `policies/`), or None when there are errors.

    `handlers` are those that are code; the people of `policies/human_tasks.yaml` join them.
    """
    policies, findings = read_policies(directory / "policies")
    findings += check_policies(policies, handlers)
    files, wrong, complete = _read_sops(directory / "sops", policies.catalogue(handlers))
    findings += wrong
    findings += _triggers(directory / "sops", files, complete=complete)
    for file in files:
        findings += _fit(file, policies)
    if complete:
        findings += _served(policies, files)
    findings.sort(key=lambda finding: (finding.file, finding.line, finding.column))
    return None if has_errors(findings) else _rulebook(policies, files), findings


def check_sop_files(
    paths: Sequence[Path], directory: Path, handlers: Mapping[str, HandlerSpec]
) -> list[Finding]:
    """The findings for SOP files wherever they lie, against the policies below `directory`.

    Errors in those policies are reported too, since a file cannot be checked fully against them. A policy
    file of the folder may be named as well: then its warnings are reported with its errors.
    """
    folder = directory / "policies"
    policies, wrong = read_policies(folder)
    wrong += check_policies(policies, handlers)
    named = {path.resolve() for path in paths} & {(folder / each.path).resolve() for each in FILES.values()}
    findings = [each for each in wrong if has_errors([each]) or Path(each.file).resolve() in named]
    for path in paths:
        if path.resolve() in named:
            continue
        file, wrong = _read_sop_file(path, policies.catalogue(handlers))
        findings += wrong
        if file is not None:
            findings += _fit(file, policies)
    return findings


def definition_files(directory: Path) -> Iterator[Path]:
    """Every file that a rulebook is read from or that warns there, in a stable order."""
    for folder in ("policies", "sops"):
        yield from sorted((directory / folder).rglob("*.y*ml"))


def _read_sop_file(path: Path, catalogue: Catalogue | None) -> tuple[_SopFile | None, list[Finding]]:
    document, findings = read_document(path)
    file, more = _sop_of(document, catalogue)
    return file, findings + more


def _sop_of(document: Document | None, catalogue: Catalogue | None) -> tuple[_SopFile | None, list[Finding]]:
    if document is None:
        return None, []
    if isinstance(document.data, dict) and type(document.data.get("version")) in (int, float):
        # 1.10 is another version than 1.1, although they are the same number.
        document.data["version"] = document.texts[("version",)]
    sop, findings = validated(document, Sop)
    if sop is not None and catalogue is not None:
        findings = check_sop(sop, document, catalogue)
    return (None if sop is None or has_errors(findings) else _SopFile(document, sop)), findings


def _read_sops(folder: Path, catalogue: Catalogue | None) -> tuple[list[_SopFile], list[Finding], bool]:
    files: list[_SopFile] = []
    findings: list[Finding] = []
    complete = True
    for path in sorted(folder.rglob("*.y*ml")):
        if path.suffix != ".yaml" or path.parent != folder:
            expected = f"{path.stem}.yaml directly in sops/"
            findings.append(found(str(path), Position(1, 1), "OPS013", "not an SOP by its name", expected))
            continue
        file, wrong = _read_sop_file(path, catalogue)
        findings += wrong
        if file is None:
            complete = False
        else:
            files.append(file)
    return files, findings, complete


def _triggers(folder: Path, files: Sequence[_SopFile], *, complete: bool) -> Iterator[Finding]:
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
            str(folder),
            Position(1, 1),
            "OPS302",
            "no SOP serves tickets of an unknown kind",
            f"one SOP with the trigger `category: {UNKNOWN_CATEGORY}` and no action",
        )


def _fit(file: _SopFile, policies: Policies) -> Iterator[Finding]:
    """Whether an SOP fits the directory and the SLA policies."""
    document, sop = file
    directory = policies.directory
    if directory is not None:
        for index, step in enumerate(sop.steps):
            for kind, person in (("review", step.review), ("manual", step.manual)):
                if person is None or not person.group:
                    continue
                path = ("steps", index, kind, "group")
                if directory.group(person.group) is None:
                    yield unknown_group(document, path, person.group, directory)
                else:
                    yield from too_few_people(document, path, person.group, Role(person.role), directory)
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
    for policy in policies.sla.policies if policies.sla else ():
        if (
            sop.escalation
            and sop.trigger
            and policy.category == sop.trigger.category
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


def _served(policies: Policies, files: Sequence[_SopFile]) -> Iterator[Finding]:
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


def _rulebook(policies: Policies, files: Sequence[_SopFile]) -> Rulebook | None:
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
        sanctions=policies.screening.names,
    )
