import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from definitions.yaml_source import MAX_BYTES, read_yaml

BOMB = "a: &a [x, x]\n" + "".join(
    f"{b}: &{b} [*{a}, *{a}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("content", "place", "code"),
    [
        (b"", (1, 1), "OPS006"),
        (b"# only a comment\n\n", (1, 1), "OPS006"),
        (b"a: " + b"x" * MAX_BYTES, (1, 1), "OPS002"),
        (b"name: ok\nother: caf\xe9\n", (2, 11), "OPS003"),
        ("name: 冻结\n".encode("utf-16"), (1, 1), "OPS003"),
        ("name: 冻结\n".encode("gbk"), (1, 7), "OPS003"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", (1, 1), "OPS003"),
        (b"a: 1\nb: x\x00y\n", (2, 5), "OPS003"),
        (b'a: "\\0"\n', (1, 4), "OPS003"),
        (b'a: "\\ud800"\n', (1, 7), "OPS004"),
        (b"a:\n\tb: 1\n", (2, 1), "OPS005"),
        (b"a:\n  - b\n  \t- c\n", (3, 3), "OPS005"),
        (b"a: [1, 2\nb: 3\n", (2, 2), "OPS004"),
        (b"a: b: c\n", (1, 5), "OPS004"),
        (b'a: "never closed\n', (2, 1), "OPS004"),
        (b'a: "\\UFFFFFFFF"\n', (1, 7), "OPS004"),
        (b"a: 1\n---\nb: 2\n", (2, 1), "OPS007"),
        (b"a: " + b"[" * 30 + b"]" * 30, (1, 23), "OPS008"),
        (b"[" * 100_000, (1, 21), "OPS008"),
        (b"a: &x 1\n", (1, 4), "OPS009"),
        (b"a: *x\n", (1, 4), "OPS009"),
        (b"&x a: 1\n", (1, 1), "OPS009"),
        (b"a:\n  <<: {b: 1}\n", (2, 3), "OPS009"),
        (b"a: !!python/object/apply:os.system ['true']\n", (1, 4), "OPS010"),
        (b"a: !!str 5\n", (1, 4), "OPS010"),
        (b"a: 1\nb: 2\na: 3\n", (3, 1), "OPS011"),
        (b"a:\n  - {b: 1, c: 2, b: 3}\n", (2, 18), "OPS011"),
        (b"1: one\n", (1, 1), "OPS012"),
        (b"true: one\n", (1, 1), "OPS012"),
        (b"? [a, b]\n: one\n", (1, 3), "OPS012"),
        (b"~: one\n", (1, 1), "OPS012"),
    ],
)
def test_what_is_refused_is_refused_at_its_place(content: bytes, place: tuple[int, int], code: str) -> None:
    document, findings = read_yaml("f.yaml", content)
    assert document is None
    assert (findings[0].line, findings[0].column, findings[0].code) == (*place, code)


def test_a_bomb_is_refused_at_its_first_anchor_and_every_one_is_listed() -> None:
    document, findings = read_yaml("f.yaml", BOMB)
    assert document is None
    assert {finding.code for finding in findings} == {"OPS009"}
    assert (findings[0].line, findings[0].column) == (1, 4)
    assert len(findings) == 9 + 16


def test_a_file_full_of_mistakes_gives_a_list_that_ends() -> None:
    _, findings = read_yaml("f.yaml", "".join(f"k{n}: &a{n} 1\n" for n in range(1000)))
    assert len(findings) == 51


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("on", "on"),
        ("off", "off"),
        ("yes", "yes"),
        ("No", "No"),
        ("NO", "NO"),
        ("3:10", "3:10"),
        ("22:30:00", "22:30:00"),
        ("2026-11-23", "2026-11-23"),
        ("0x1F", "0x1F"),
        ("0o17", "0o17"),
        ("1_000", "1_000"),
        ("007", "007"),
        ("6222020200001234567", "6222020200001234567"),
        (".inf", ".inf"),
        (".nan", ".nan"),
        ("1e999", "1e999"),
        ("+", "+"),
        (".", "."),
        ("1.2.3", "1.2.3"),
        ("45min", "45min"),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("0", 0),
        ("-12", -12),
        ("4.5", 4.5),
        ("1e3", 1000.0),
        ("'1'", "1"),
        ('"true"', "true"),
    ],
)
def test_plain_scalars_mean_what_they_look_like(written: str, value: object) -> None:
    document, findings = read_yaml("f.yaml", f"key: {written}\n")
    assert findings == []
    assert document is not None
    assert document.data == {"key": value}
    assert type(document.data["key"]) is type(value)


def test_every_key_and_value_has_its_place() -> None:
    document, _ = read_yaml("f.yaml", "name: Freeze\nsteps:\n  - name: One\n    retry: 3\n  - {name: Two}\n")
    assert document is not None
    assert document.key_at("steps", 0, "retry") == (4, 5)
    assert document.value_at("steps", 0, "retry") == (4, 12)
    assert document.value_at("steps", 1) == (5, 5)
    assert document.value_at("steps", 1, "name") == (5, 12)


def test_a_place_that_does_not_exist_is_the_nearest_above() -> None:
    document, _ = read_yaml("f.yaml", "steps:\n  - name: One\n")
    assert document is not None
    assert document.value_at("steps", 0, "review", "deadline") == (2, 5)
    assert document.key_at("sla") == (1, 1)


def test_a_byte_order_mark_and_windows_line_ends_are_fine() -> None:
    document, findings = read_yaml("f.yaml", b"\xef\xbb\xbfa: 1\r\nb: 2\r\n")
    assert findings == []
    assert document is not None
    assert document.data == {"a": 1, "b": 2}
    assert document.key_at("b") == (2, 1)


@given(st.one_of(st.text(), st.binary(), st.text(alphabet="ab01:-[]{},&*!#|>'\"%@\\U? \t\n")))
def test_any_content_gives_a_document_or_findings(content: str | bytes) -> None:
    document, findings = read_yaml("f.yaml", content)
    assert (document is None) == bool(findings)
    assert all(finding.line >= 1 and finding.column >= 1 for finding in findings)


_TEXT = st.text(alphabet=st.characters(codec="utf-8", exclude_categories=("C", "Zl", "Zp")), max_size=20)
_SCALARS = st.one_of(st.none(), st.booleans(), st.integers(-(10**17), 10**17), _TEXT)


@given(
    st.recursive(
        _SCALARS,
        lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(_TEXT, inner, max_size=4)),
        max_leaves=20,
    )
)
def test_what_json_says_is_read_as_json_means_it(data: object) -> None:
    document, findings = read_yaml("f.yaml", json.dumps(data, ensure_ascii=False))
    assert findings == []
    assert document is not None
    assert document.data == data
