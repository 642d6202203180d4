"""A bank's own handlers: installed beside opsloop and found by their entry point.

A distribution names, in the entry point group `opsloop.handlers`, a class without arguments or a function;
called, it gives one object, or several, whose methods are handlers. `docs/handlers.md` has an example.
"""

import functools
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Final

from activities.catalogue import handlers_of
from domain.errors import DefinitionError
from domain.handlers import HandlerSpec, Queue

GROUP: Final = "opsloop.handlers"


@dataclass(frozen=True)
class Extension:
    """What one entry point brings."""

    source: str
    """The distribution with its version: `bank-handlers 1.0.0`."""
    owners: tuple[object, ...]
    handlers: Mapping[str, HandlerSpec]

    def on(self, queue: Queue) -> tuple[object, ...]:
        """The objects with a handler that runs on this queue."""
        return tuple(
            owner
            for owner in self.owners
            if any(
                (Queue.TICKETS if spec.local else spec.queue) is queue
                for spec in handlers_of([owner]).values()
            )
        )


@functools.cache
def extensions(taken: frozenset[str]) -> tuple[Extension, ...]:
    """All that is installed, loaded once in a process; `taken` are the names of opsloop's own handlers.

    Raises `DefinitionError` naming the distribution and what is wrong with it.
    """
    return tuple(_loaded(taken))


def _loaded(taken: Collection[str]) -> Iterator[Extension]:
    owner_of = dict.fromkeys(taken, "opsloop itself")
    for entry in sorted(entry_points(group=GROUP), key=lambda each: (_source(each), each.name)):
        source = _source(entry)
        where = f"{source}, entry point {entry.name!r} ({entry.value})"
        owners = _owners(entry, where)
        handlers = {
            name: spec.model_copy(update={"source": source}) for name, spec in handlers_of(owners).items()
        }
        if not handlers:
            raise DefinitionError(f"{where}: gives no object with a method that is marked with @handler")
        for name in handlers:
            if name in owner_of:
                raise DefinitionError(f"{where}: the handler {name!r} is one of {owner_of[name]} already")
            owner_of[name] = source
        yield Extension(source, owners, handlers)


def _owners(entry: EntryPoint, where: str) -> tuple[object, ...]:
    try:
        given = entry.load()()
    except Exception as error:
        # Foreign code: whatever it raises, the operator has to learn whose it is.
        raise DefinitionError(f"{where}: {error or type(error).__name__}") from error
    owners = tuple(given) if isinstance(given, list | tuple) else (given,)
    names = [name for owner in owners for name in handlers_of([owner])]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise DefinitionError(f"{where}: gives the handler {twice!r} twice")
    return owners


def _source(entry: EntryPoint) -> str:
    return f"{entry.dist.name} {entry.dist.version}" if entry.dist else "an unnamed distribution"
