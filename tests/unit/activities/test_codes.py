from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from temporalio.testing import ActivityEnvironment

from activities.adapters.decision_codes import DecisionCodes
from activities.codes import CodeActivities
from activities.messages import CodeCheck, CodeVerdict
from domain.errors import InvalidInput, NotFound
from domain.people import Directory, Role
from tests.fakes.rulebook import people

KEY = "a key of thirty-two letters, or so"
SUBJECT, DIGEST = "T1/execute_freeze/1", "d" * 64


def codes(key: str = KEY, directory: Callable[[], Directory] = people) -> DecisionCodes:
    return DecisionCodes(key, directory, timedelta(minutes=5))


def verify(code: str, given_codes: DecisionCodes | None = None, **changes: Any) -> CodeVerdict:
    check = CodeCheck.model_validate(
        {"code": code, "purpose": "decide", "subject": SUBJECT, "digest": DIGEST, **changes}
    )
    return (given_codes or codes()).verify(check)


def good_code() -> str:
    return codes().issue("zhao.min", "decide", SUBJECT, DIGEST)


def crafted(key: str = KEY, algorithm: str = "HS256", **changes: Any) -> str:
    """A code like ours but for the changes; a claim changed to None is left out."""
    now = datetime.now(UTC)
    claims: dict[str, Any] = {
        "iss": "opsloop",
        "aud": "opsloop-decision",
        "iat": now,
        "exp": now + timedelta(minutes=5),
        "jti": "1",
        "sub": "zhao.min",
        "purpose": "decide",
        "subject": SUBJECT,
        "digest": DIGEST,
        **changes,
    }
    present = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(present, key, algorithm=algorithm)


def test_a_code_says_whose_it_is() -> None:
    verdict = verify(good_code())
    assert verdict.problem == ""
    assert verdict.principal == people().principal("zhao.min")
    assert verify(f"  {good_code()}\n").principal is not None


def test_each_code_is_another() -> None:
    assert good_code() != good_code()


def test_without_a_code_the_reviewer_learns_how_to_get_one() -> None:
    assert verify(" ").problem == f"no code given: get one with `opsloop review code {SUBJECT}`"
    assert "opsloop ticket hold" in verify("", purpose="command:hold", subject="T1").problem


def test_an_expired_code_says_when() -> None:
    gone = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    problem = verify(crafted(iat=gone - timedelta(minutes=5), exp=gone)).problem
    assert problem == "the code expired at 2026-01-02 03:04:05 UTC: get a new one"


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"subject": "T2/execute_freeze/1"}, "given for another review"),
        ({"purpose": "command:cancel"}, "given for another command"),
        ({"digest": "e" * 64}, "given for another content: the review changed since it was shown"),
    ],
)
def test_a_code_is_good_for_one_thing_only(changes: dict[str, Any], problem: str) -> None:
    verdict = verify(good_code(), **changes)
    assert verdict.principal is None
    assert problem in verdict.problem


def test_a_code_for_a_command_does_not_cover_another() -> None:
    code = codes().issue("op.chen", "command:hold", "T1", DIGEST)
    held = verify(code, purpose="command:hold", subject="T1")
    assert held.principal is not None
    assert held.principal.id == "op.chen"
    assert verify(code, purpose="command:cancel", subject="T1").principal is None
    assert verify(code, purpose="command:hold", subject="T2").principal is None
    changed = verify(code, purpose="command:hold", subject="T1", digest="0")
    assert "another content: the command is not what was asked" in changed.problem


def test_a_code_signed_with_another_key_is_not_ours() -> None:
    forged = codes("another key, which has enough letters").issue("zhao.min", "decide", SUBJECT, DIGEST)
    assert verify(forged).problem == "the code's signature is not ours"


GONE = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.mark.parametrize("exp", [None, GONE, "tomorrow", 10**400])
@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "opsloop-api"},
        {"iss": "somebody"},
        {"jti": None},
        {"digest": None},
        {"sub": 7},
        {"iat": datetime.now(UTC) + timedelta(days=1)},
        {"key": "", "algorithm": "none"},
        {"key": KEY * 2, "algorithm": "HS512"},
    ],
)
def test_a_code_that_is_not_quite_one_is_refused_at_any_time(exp: Any, changes: dict[str, Any]) -> None:
    verdict = verify(crafted(**({} if exp is None else {"exp": exp}), **changes))
    assert verdict.principal is None
    assert verdict.problem in ("this is not a decision code", "the code's signature is not ours")


@pytest.mark.parametrize("exp", ["never", "", 1e400, 10**400, -(10**30), [1]])
def test_an_end_that_is_no_time_is_refused(exp: Any) -> None:
    assert verify(crafted(exp=exp)).principal is None


@pytest.mark.parametrize("code", [crafted(exp=None), "a.b.c", "zhao.min", "签", "x" * 5000])
def test_a_code_that_is_not_quite_one_is_refused(code: str) -> None:
    verdict = verify(code)
    assert verdict.principal is None
    assert verdict.problem


@given(st.text(max_size=300))
def test_no_text_raises_or_is_repeated(code: str) -> None:
    verdict = verify(code)
    assert verdict.principal is None
    assert KEY not in verdict.problem
    assert len(code.strip()) < 20 or code.strip() not in verdict.problem


ONE_CODE = good_code()


@given(st.data())
def test_no_letter_of_a_code_can_be_changed(data: st.DataObject) -> None:
    code = ONE_CODE
    # The last letter of a part may carry unused bits, so that two letters can mean the same bytes.
    ends = {at - 1 for at, each in enumerate(code) if each == "."} | {len(code) - 1}
    place = data.draw(st.sampled_from([at for at in range(len(code)) if code[at] != "." and at not in ends]))
    other = data.draw(st.sampled_from([each for each in "aZ09_-" if each != code[place]]))
    verdict = verify(code[:place] + other + code[place + 1 :])
    assert verdict.principal is None


def test_roles_are_those_of_the_directory_now() -> None:
    code = good_code()
    demoted = people().principal("zhao.min")
    assert demoted is not None
    now = Directory(principals=(demoted.model_copy(update={"roles": frozenset({Role.AUDITOR})}),))
    verdict = verify(code, codes(directory=lambda: now))
    assert verdict.principal is not None
    assert verdict.principal.roles == {Role.AUDITOR}


def test_a_code_of_somebody_who_left_is_refused() -> None:
    stay = tuple(each for each in people().principals if each.id != "zhao.min")
    verdict = verify(good_code(), codes(directory=lambda: Directory(principals=stay)))
    assert verdict.principal is None
    assert "no longer exists" in verdict.problem


def test_nobody_unknown_gets_a_code() -> None:
    with pytest.raises(NotFound):
        codes().issue("mallory", "decide", SUBJECT, DIGEST)


def test_a_weak_key_or_no_time_is_refused_without_showing_the_key() -> None:
    with pytest.raises(InvalidInput, match="at least 32 characters") as raised:
        DecisionCodes("short", people, timedelta(minutes=5))
    assert "short" not in str(raised.value)
    with pytest.raises(InvalidInput, match="good for some time"):
        DecisionCodes(KEY, people, timedelta(0))


def test_the_activity_answers_as_the_verifier_does() -> None:
    check = CodeCheck(code=good_code(), purpose="decide", subject=SUBJECT, digest=DIGEST)
    verdict = ActivityEnvironment().run(CodeActivities(codes()).verify_code, check)
    assert verdict.principal == people().principal("zhao.min")
    refused = ActivityEnvironment().run(
        CodeActivities(codes()).verify_code, check.model_copy(update={"code": ""})
    )
    assert refused.principal is None
