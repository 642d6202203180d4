import json
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.digest import canonical_json, digest_of
from domain.model import Record

LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
)
JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


class Pair(Record):
    left: Any
    right: Any


def shuffled(value: Any, seed: int) -> Any:
    if isinstance(value, dict):
        keys = list(value)
        random.Random(seed).shuffle(keys)  # noqa: S311  # an order, not a secret
        return {key: shuffled(value[key], seed) for key in keys}
    return [shuffled(each, seed) for each in value] if isinstance(value, list) else value


@given(JSON, st.integers())
def test_the_order_of_keys_does_not_matter(value: Any, seed: int) -> None:
    assert digest_of(shuffled(value, seed)) == digest_of(value)


@given(JSON)
def test_a_journey_through_json_changes_nothing(value: Any) -> None:
    assert digest_of(json.loads(json.dumps(value))) == digest_of(value)
    assert json.loads(canonical_json(value)) == value


@given(JSON, JSON)
def test_other_content_has_another_digest(left: Any, right: Any) -> None:
    assert (digest_of(left) == digest_of(right)) == (canonical_json(left) == canonical_json(right))


@given(JSON, JSON)
def test_a_model_has_the_digest_of_its_json(left: Any, right: Any) -> None:
    assert digest_of(Pair(left=left, right=right)) == digest_of({"right": right, "left": left})
    assert digest_of([Pair(left=left, right=right)]) == digest_of([{"left": left, "right": right}])


def test_a_known_digest_never_changes() -> None:
    assert canonical_json({"b": [1, "冻结"], "a": None}) == '{"a":null,"b":[1,"冻结"]}'
    assert digest_of({}) == "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"


def test_what_has_no_json_form_is_an_error() -> None:
    with pytest.raises(TypeError, match="object has no canonical JSON form"):
        digest_of({"x": object()})
