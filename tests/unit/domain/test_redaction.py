from hypothesis import given
from hypothesis import strategies as st

from domain.redaction import mask_reference


def test_an_account_number_shows_its_last_four_digits() -> None:
    assert mask_reference("6222020200001234") == "****1234"


@given(st.text(max_size=4))
def test_a_short_reference_is_hidden_whole(reference: str) -> None:
    assert mask_reference(reference) == "****"


@given(st.text(min_size=5, max_size=60))
def test_at_most_four_characters_show_and_the_length_does_not(reference: str) -> None:
    masked = mask_reference(reference)
    assert len(masked) == 8
    assert masked == "****" + reference[-4:]
