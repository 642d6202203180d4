"""Reads case files, and checks them against the SOPs that they test: every mistake with its place."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from definitions.book import PinnedSop, Rulebook
from definitions.findings import Finding, Position, found, has_errors, listed, suggestion
from definitions.loader import load_rulebook, read_sop
from definitions.policy_files import read_document
from definitions.schema import Sop, all_steps, routes_of
from definitions.sources import CASES, DefinitionFiles, files_in
from definitions.validation import validated
from definitions.yaml_source import Document
from domain.handlers import HandlerSpec
from domain.people import Directory
from workers.activity_set import handler_specs
from workers.simulation.cases import KINDS, Answer, CaseFile, Expectation
from workers.simulation.mocks import error_codes
from workers.simulation.record import script_names
from workers.simulation.run import Play, pinned

_COMPENSATION: Final = "compensation"
Names = frozenset[str]


@dataclass(frozen=True)
class CaseSet:
    """The cases of one file, ready to be played."""

    path: Path
    sop: Sop
    plays: tuple[Play, ...]


def case_files(folder: Path) -> list[Path]:
    """Every case file of a definitions folder."""
    return sorted((folder / "sops").glob(f"*{CASES}"))


def sop_file_of(path: Path) -> Path:
    """The SOP's file beside a case file."""
    return path.with_name(f"{path.name.removesuffix(CASES)}.yaml")


def rulebook_with(folder: Path, drafts: Iterable[Path]) -> tuple[Rulebook | None, list[Finding]]:
    """The rulebook of a folder, with SOPs from elsewhere in place of those that they would replace."""
    files = files_in(folder)
    for draft in drafts:
        if draft.resolve().parent == (folder / "sops").resolve():
            continue
        sop, findings = read_sop(draft, None)
        if sop is None:
            return None, findings
        replaced = {path: None for path in files.paths() if _serves_the_same(files, path, sop)}
        files = files.with_changes({**replaced, f"sops/{draft.name}": draft.read_bytes()})
    return load_rulebook(files, handler_specs())


def _serves_the_same(files: DefinitionFiles, path: str, draft: Sop) -> bool:
    if not path.startswith("sops/"):
        return False
    document, _ = files.document(path)
    sop = validated(document, Sop)[0] if document is not None else None
    if sop is None:
        return False
    return sop.id == draft.id or (sop.trigger is not None and sop.trigger == draft.trigger)


def read_cases(path: Path, rulebook: Rulebook) -> tuple[CaseSet | None, list[Finding]]:
    """The cases of a file, or None when it has errors, and all findings."""
    document, findings = read_document(path)
    if document is None:
        return None, findings
    file, wrong = validated(document, CaseFile)
    findings += wrong
    if file is None:
        return None, findings
    sop, wrong = _sop_of(file, document, path, rulebook)
    findings += wrong
    if sop is None:
        return None, findings
    findings += _Check(document, pinned(rulebook, sop), rulebook.directory).all_of(file)
    if has_errors(findings):
        return None, findings
    plays = (Play(file.complete(case), sop, tuple(script_names(case))) for case in file.cases)
    return CaseSet(path, sop, tuple(plays)), findings


def _sop_of(
    file: CaseFile, document: Document, path: Path, rulebook: Rulebook
) -> tuple[Sop | None, list[Finding]]:
    ids = [sop.id for sop in rulebook.sops]
    wanted, at = file.sop, document.value_at("sop")
    if wanted is None:
        beside, _ = read_sop(sop_file_of(path), None)
        if beside is None:
            message = f"beside this file there is no SOP {sop_file_of(path).name}"
            return None, [found(str(path), Position(1, 1), "OPS001", message, "the SOP's file, or `sop: ID`")]
        wanted = beside.id
    sop = next((each for each in rulebook.sops if each.id == wanted), None)
    if sop is None:
        message = f"sop: there is no SOP {wanted!r}{suggestion(wanted, ids)}"
        return None, [found(str(path), at, "OPS104", message, listed(ids))]
    return sop, []


class _Check:
    """What a case file names, held against the SOP: a wrong name would be a script that is never played."""

    def __init__(self, document: Document, sop: PinnedSop, directory: Directory) -> None:
        self._document = document
        self._directory = directory
        self._specs = sop.handlers
        steps = [step for each in (sop.sop, *sop.called.values()) for _, step in all_steps(each.steps)]
        self._handler_of = {step.id: step.handler for step in steps if step.handler}
        targets = {name for step in steps for names in routes_of(step).values() for name in names}
        people = {name for name, spec in self._specs.items() if spec.human}
        ids = {step.id for step in steps}
        resolvers = {spec.resolver for spec in self._specs.values() if spec.resolver}
        self._resolvers = resolvers
        self._codes = frozenset(error_codes())
        self._calls: Names = frozenset(ids | (set(self._specs) - people) | resolvers)
        self._asks: Names = frozenset(ids | people | set(KINDS))
        self._ran: Names = frozenset(ids | set(self._specs) | (targets & set(self._specs)))

    def all_of(self, file: CaseFile) -> Iterator[Finding]:
        """Everything that is wrong with the file beyond its form."""
        yield from self._scripts(("defaults",), file.defaults)
        names: set[str] = set()
        for index, case in enumerate(file.cases):
            here = ("cases", index)
            if case.name in names:
                message = f"two cases are called {case.name!r}"
                yield self._wrong("OPS307", (*here, "name"), message, "its own name")
            names.add(case.name)
            if case.at is None and file.defaults.at is None:
                at = "`at: 2026-11-23T22:00:00+08:00`, here or in the defaults"
                yield self._wrong("OPS102", here, "at is missing", at)
            if case.expect == Expectation():
                yield self._wrong("OPS102", here, "expect is missing", "what must come of it")
            yield from self._scripts(here, case)
            for section in ("events", "commands"):
                for number, each in enumerate(getattr(case, section)):
                    yield from self._person((*here, section, number, "by"), each.by)
            yield from self._expectation((*here, "expect"), case.expect)

    def _scripts(self, here: tuple[str | int, ...], scripts: Any) -> Iterator[Finding]:
        for name, mocks in scripts.handlers.items():
            place = (*here, "handlers", name)
            yield from self._known(place, name, self._calls, "step or handler", is_key=True)
            spec = self._specs.get(self._handler_of.get(_last(name), name))
            for index, mock in enumerate(mocks):
                yield from self._mock(self._item(place, index), mock.outcome, mock.error, name, spec)
        for name, answers in scripts.people.items():
            place = (*here, "people", name)
            yield from self._known(place, name, self._asks, "step, person or kind of review", is_key=True)
            for index, answer in enumerate(answers):
                yield from self._person((*self._item(place, index), "by"), answer.by)
        everybody: Answer | None = scripts.everybody
        if everybody is not None:
            yield from self._person((*here, "everybody", "by"), everybody.by)

    def _mock(
        self,
        place: tuple[str | int, ...],
        outcome: str | None,
        error: str | None,
        name: str,
        spec: HandlerSpec | None,
    ) -> Iterator[Finding]:
        if outcome and spec and name not in self._resolvers and outcome not in spec.outcomes:
            message = f"{spec.name} never answers {outcome!r}{suggestion(outcome, spec.outcomes)}"
            yield self._wrong("OPS104", (*place, "outcome"), message, listed(spec.outcomes))
        if error and error not in self._codes:
            message = f"there is no error {error!r}{suggestion(error, self._codes)}"
            yield self._wrong("OPS104", (*place, "error"), message, listed(self._codes, most=40))

    def _expectation(self, here: tuple[str | int, ...], expect: Expectation) -> Iterator[Finding]:
        lists: Mapping[str, Sequence[str]] = {
            "steps": expect.steps or (),
            "not": expect.never,
            "undone": expect.undone or (),
            "effects": expect.effects or (),
        }
        for field, named in lists.items():
            for index, name in enumerate(named):
                yield from self._known((*here, field, index), name, self._ran, "step or handler")
        for name in expect.outcomes:
            yield from self._known((*here, "outcomes", name), name, self._ran, "step", is_key=True)
        for index, asked in enumerate(expect.asked or ()):
            if asked.step:
                names = self._ran | {"closing"}
                yield from self._known((*here, "asked", index, "step"), asked.step, names, "step")

    def _known(
        self, place: tuple[str | int, ...], name: str, names: Names, what: str, *, is_key: bool = False
    ) -> Iterator[Finding]:
        if name in names or _last(name) in names:
            return
        if _last(name) == _COMPENSATION and _last(name.removesuffix(f".{_COMPENSATION}")) in names:
            return
        at = self._document.key_at(*place) if is_key else self._document.value_at(*place)
        message = f"no {what} is called {name!r}{suggestion(name, names)}"
        yield found(self._document.file, at, "OPS104", message, listed(names, most=20))

    def _person(self, place: tuple[str | int, ...], who: str) -> Iterator[Finding]:
        if who and self._directory.principal(who) is None:
            ids = [each.id for each in self._directory.principals]
            message = f"the directory has no {who!r}{suggestion(who, ids)}"
            yield self._wrong("OPS303", place, message, listed(ids))

    def _item(self, place: tuple[str | int, ...], index: int) -> tuple[str | int, ...]:
        """Where an entry of a list stands; one alone may stand without a list around it."""
        return (*place, index) if (*place, index) in self._document.values else place

    def _wrong(self, code: str, place: tuple[str | int, ...], message: str, expected: str) -> Finding:
        return found(self._document.file, self._document.value_at(*place), code, message, expected)


def _last(key: str) -> str:
    return key.rpartition(".")[2]
