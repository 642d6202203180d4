import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import InvalidInput
from workers.api.strict_json import MAX_DEPTH, read_json

PLAIN = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"))
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | PLAIN,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(PLAIN, inner, max_size=4),
    max_leaves=12,
)


def nested(levels: int) -> bytes:
    return b"[" * levels + b"]" * levels


@given(VALUES)
def test_whatever_json_can_say_is_read_as_it_was_written(value: object):
    assert read_json(json.dumps(value).encode()) == value


@given(st.binary(max_size=200))
def test_no_bytes_break_the_reader(raw: bytes):
    try:
        read_json(raw)
    except InvalidInput as error:
        assert str(error)


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"", "line 1, column 1"),
        (b'{\n "a": 1,\n}', "line [23], column [18]"),
        (b"\xff{}", "byte 1 is not UTF-8"),
        (b"\xef\xbb\xbf{}", "line 1, column 1"),
        (b'{"a": 1, "a": 2}', "'a' appears twice"),
        (b"[NaN]", "NaN"),
        (b"[-Infinity]", "Infinity"),
        (b"[1e999]", "too large"),
        (b"[" + b"9" * 5000 + b"]", "5000 digits"),
        (nested(MAX_DEPTH + 1), "at most 20 levels"),
        (nested(100_000), "at most 20 levels"),
    ],
)
def test_what_is_not_strict_json_is_refused_with_its_place(raw: bytes, why: str):
    with pytest.raises(InvalidInput, match=why):
        read_json(raw)


@pytest.mark.parametrize("text", ["\\u0000", "\\ud800"])
def test_characters_that_no_database_takes_are_refused_by_field(text: str):
    with pytest.raises(InvalidInput, match="NUL character or half") as refused:
        read_json(f'{{"fields": {{"lines": [{{"note": "{text}"}}]}}}}'.encode())
    assert refused.value.field == "fields.lines[0].note"


def test_the_deepest_that_is_allowed_is_read():
    assert read_json(nested(MAX_DEPTH))
