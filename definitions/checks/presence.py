"""Which results must be there for a condition to hold, so that what it guards can rely on them.

`has(steps.x) && …` holds only where `x` has run, and so does `steps.x.outcome == "done"`: asked for a result
that is not there, a condition fails its step, and nothing behind it is asked.
"""

from definitions.expression_syntax import Call, Loop, Node, NotCel, Select, children, parse, path_of

Names = frozenset[str]


def there_where(condition: str) -> Names:
    """The steps whose results are there wherever this condition holds."""
    try:
        return _there(parse(condition), True)
    except NotCel:
        return frozenset()


def _there(node: Node, value: bool | None) -> Names:
    """The results that are there when this part came to the value, or to any at all (None)."""
    match node:
        case Call(function="_&&_" | "_||_" as function, arguments=(left, right)):
            settled = function == "_||_"
            if value is None:
                return _there(node, True) & _there(node, False)
            # One side alone settles it, whatever the other one comes to, even where that fails.
            sides = _there(left, value), _there(right, value)
            return sides[0] & sides[1] if value is settled else sides[0] | sides[1]
        case Call(function="!_", arguments=(part,)):
            return _there(part, None if value is None else not value)
        case Call(function="_?_:_", arguments=(condition, left, right)):
            return (_there(condition, True) | _there(left, value)) & (
                _there(condition, False) | _there(right, value)
            )
        case Loop(range=over):
            # There may be nothing to go through.
            return _there(over, None)
    path = path_of(node)
    if path is None:
        return frozenset[str]().union(*(_there(each, None) for each in children(node)))
    asked_only = isinstance(node, Select) and node.test and len(path) == 2 and value is not True
    return frozenset(path[1:2]) if path[0] == "steps" and not asked_only else frozenset()
