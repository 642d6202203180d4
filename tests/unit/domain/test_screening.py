import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.screening import SIMILAR, closest, normalised, screen

LISTED = (
    "Vostok Meridian Trading LLC",
    "Ferdinand Quillfeather",
    "北辰幻海贸易有限公司",
    "José Núñez-Ortega",
)
WORDS = st.lists(st.text("abcdefghijklmnop", min_size=3, max_size=9), min_size=2, max_size=5, unique=True)


@pytest.mark.parametrize(
    ("name", "entry"),
    [
        ("Vostok Meridian Trading LLC", 1),
        ("VOSTOK MERIDIAN TRADING LTD.", 1),
        ("Trading, Vostok-Meridian", 1),
        ("Ｖｏｓｔｏｋ Ｍｅｒｉｄｉａｎ Ｔｒａｄｉｎｇ", 1),
        ("Vostok Meridian Trading Far East Branch", 1),
        ("Vostock Meridian Trading", 1),
        ("Quillfeather Ferdinand", 2),
        ("Ferdinand J. Quillfeather", 2),
        ("Ferdinand Quillfether", 2),
        ("北辰幻海贸易有限公司", 3),
        ("北辰幻海贸易", 3),
        ("上海北辰幻海贸易股份有限公司", 3),
        ("Jose Nunez Ortega", 4),
    ],
)
def test_a_listed_name_is_found_in_its_disguises(name: str, entry: int) -> None:
    match = closest(name, LISTED)
    assert match is not None
    assert match.entry == entry
    assert SIMILAR <= match.similarity <= 1


@pytest.mark.parametrize(
    "name",
    [
        "Harbour Tools GmbH",
        "Ferdinand Maier",
        "上海晨光文具有限公司",
        "李伟",
        "Meridian Bakery",
        "Trading LLC",
    ],
)
def test_other_names_are_not(name: str) -> None:
    assert closest(name, LISTED) is None


@given(WORDS, st.integers())
def test_order_case_and_punctuation_never_hide_a_name(words: list[str], seed: int) -> None:
    moved = list(words)
    random.Random(seed).shuffle(moved)  # noqa: S311  # an order, not a secret
    match = closest(", ".join(moved).upper(), [" ".join(words)])
    assert match is not None
    assert match.similarity == 1


@given(WORDS, st.data())
def test_one_letter_left_out_does_not_hide_a_long_name(words: list[str], data: st.DataObject) -> None:
    name = " ".join(words) + " longname"
    place = data.draw(st.sampled_from([at for at, each in enumerate(name) if each != " "]))
    assert closest(name[:place] + name[place + 1 :], [name]) is not None


@given(st.text(max_size=40), st.lists(st.text(max_size=20), max_size=5))
def test_any_name_can_be_compared(name: str, listed: list[str]) -> None:
    match = closest(name, listed)
    assert match is None or 1 <= match.entry <= len(listed)


@given(st.text(max_size=40))
def test_normalising_twice_changes_nothing(name: str) -> None:
    once = normalised(name)
    assert normalised(" ".join(once)) == once or any("公司" in word for word in once)


def test_a_name_of_legal_forms_alone_keeps_them() -> None:
    assert normalised("Co. Ltd") == ("co", "ltd")


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"beneficiary": ""},
        {"beneficiary": None},
        {"beneficiary": "---"},
        {"beneficiary": 5},
        {"beneficiary": ["Harbour Tools"]},
        {"ordering_party": "Harbour Tools"},
        {"beneficiary": "Harbour Tools", "counterparty": "???"},
    ],
)
def test_nothing_is_clear_without_a_name(fields: dict[str, Any]) -> None:
    screening = screen(fields, LISTED)
    assert screening.hit
    assert "no name to screen" in screening.reason


def test_nothing_is_clear_without_a_list() -> None:
    assert screen({"beneficiary": "Harbour Tools"}, ()).hit


@pytest.mark.parametrize("field", ["beneficiary", "counterparty", "ordering_party"])
def test_every_party_is_screened(field: str) -> None:
    clean = {"beneficiary": "Harbour Tools GmbH", "counterparty": "Lakeside Mills"}
    assert not screen(clean, LISTED).hit
    screening = screen({**clean, field: "Ferdinand Quillfeather"}, LISTED)
    assert screening.hit
    assert screening.reason == f"{field} is 100% like entry 2 of the sanctions list"


def test_the_reason_names_no_person() -> None:
    for name in ("Ferdinand Quillfeather", "Harbour Tools GmbH"):
        assert name not in screen({"beneficiary": name}, LISTED).reason
