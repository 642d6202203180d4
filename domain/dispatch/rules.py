"""Layer 1: rules, on RE2: no pattern can take more than linear time in the text.

`re2.Filter` knows which literal words each pattern cannot match without. One pass over the ticket finds
those words and leaves few candidates, which then run on their own, in the rules' order. An automaton of all
patterns at once (`re2.Set`) answers as fast on tickets that it has seen, but takes up to a hundred times
longer on new ones, and every ticket is new.
"""

from collections.abc import Sequence

import re2

from domain.dispatch.normalise import half_width
from domain.dispatch.tables import DispatchRule
from domain.errors import DefinitionError


class CompiledRules:
    """Rules ready to match. Raises `DefinitionError` naming the rule whose pattern cannot be used."""

    def __init__(self, rules: Sequence[DispatchRule]) -> None:
        options = re2.Options()
        options.case_sensitive = False
        options.log_errors = False
        self._rules = tuple(rules)
        self._filter = re2.Filter()
        for rule in self._rules:
            _check(rule, options)
            self._filter.Add(rule.pattern, options)
        self._filter.Compile()
        self._patterns = tuple(self._filter.re(index) for index in range(len(self._rules)))

    def first(self, text: str) -> tuple[DispatchRule, str] | None:
        """The first rule, in order, that matches this half-width text, with the text it matched."""
        encoded = text.encode()
        for index in sorted(self._filter.Match(encoded, potential=True) or ()):
            match = self._patterns[index].search(encoded)
            if match:
                return self._rules[index], match.group().decode()
        return None


def _check(rule: DispatchRule, options: "re2.Options") -> None:
    if rule.pattern != half_width(rule.pattern):
        raise DefinitionError(
            f'rule "{rule.name}": tickets are read in half width, so the pattern {rule.pattern!r} would '
            f"never match as it stands; write it in half width, as in {half_width(rule.pattern)!r}"
        )
    try:
        re2.compile(rule.pattern, options)
    except re2.error as error:
        said = error.args[0] if error.args else ""
        message = said.decode(errors="replace") if isinstance(said, bytes) else str(said)
        raise DefinitionError(
            f'rule "{rule.name}": RE2 cannot use the pattern {rule.pattern!r}: {message}'
        ) from error
