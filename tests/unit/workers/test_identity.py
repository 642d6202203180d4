from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jwt
import pytest

from domain.errors import InvalidInput, NotFound
from domain.people import Directory, Principal, Role
from tests.fakes.rulebook import people
from workers.identity import AUDIENCE, Identity, NotSignedIn, key_from, principals_by_role
from workers.settings import Settings

KEY = "a key of the tests, long enough for HS256"
CLAIMS = {"sub": "op.chen", "aud": AUDIENCE}


def identity(ttl: timedelta = timedelta(hours=1)) -> Identity:
    return Identity(KEY, people, ttl)


def forged(key: str = KEY, algorithm: str = "HS256", **changes: object) -> str:
    now = datetime.now(UTC)
    claims = {**CLAIMS, "iat": now, "exp": now + timedelta(hours=1), **changes}
    return jwt.encode({name: value for name, value in claims.items() if value is not None}, key, algorithm)


def test_a_token_names_the_principal_it_was_issued_to():
    principal = identity().principal(identity().issue("op.chen"))
    assert principal.id == "op.chen"
    assert principal.roles == {Role.OPERATOR}


def test_roles_are_those_that_the_directory_gives_now():
    directory = [people()]
    tokens = Identity(KEY, lambda: directory[0])
    token = tokens.issue("op.chen")
    demoted = Principal(id="op.chen", name="Chen", roles=frozenset({Role.AUDITOR}))
    directory[0] = Directory(principals=(demoted,))
    assert tokens.principal(token).roles == {Role.AUDITOR}


def test_a_principal_who_left_is_no_longer_signed_in():
    directory = [people()]
    tokens = Identity(KEY, lambda: directory[0])
    token = tokens.issue("op.chen")
    directory[0] = Directory(principals=(Principal(id="li", name="Li", roles=frozenset({Role.ADMIN})),))
    with pytest.raises(NotSignedIn, match="no longer in the directory"):
        tokens.principal(token)


def test_a_stranger_gets_no_token_and_is_told_who_there_is():
    with pytest.raises(NotFound, match=r"nobody.*operator: op.chen"):
        identity().issue("nobody")


@pytest.mark.parametrize(
    ("token", "why"),
    [
        ("", "cannot be read"),
        ("abc", "cannot be read"),
        (forged(exp=datetime.now(UTC) - timedelta(seconds=1)), "expired"),
        (forged(aud="opsloop-decision"), "audience"),
        (forged(key="another key, also long enough for HS256"), "not signed by this installation"),
        (forged(key=KEY * 2, algorithm="HS512"), "cannot be read"),
        (forged(key="", algorithm="none"), "cannot be read"),
        (forged(exp=None), "cannot be read"),
        (forged(sub=None), "cannot be read"),
        (forged(sub=7), "cannot be read"),
    ],
)
def test_a_token_that_is_not_ours_is_refused_with_the_reason(token: str, why: str):
    with pytest.raises(NotSignedIn, match=why) as refused:
        identity().principal(token)
    assert KEY not in str(refused.value)


def test_a_short_key_is_refused():
    with pytest.raises(InvalidInput, match="32"):
        Identity("short", people)


def test_principals_are_listed_by_role():
    assert "auditor: audit.guo; admin: admin" in principals_by_role(people())


def test_the_key_file_is_made_once_and_only_its_owner_can_read_it(tmp_path: Path):
    settings = Settings(data_dir=tmp_path / "new")
    key = key_from(settings, "identity")
    path = tmp_path / "new" / "keys" / "identity.key"
    assert path.stat().st_mode & 0o777 == 0o600
    assert key_from(settings, "identity") == key == path.read_text()
    assert [each.name for each in path.parent.iterdir()] == ["identity.key"]
    assert key_from(settings, "decision") != key


def test_processes_that_start_together_agree_on_the_key(tmp_path: Path):
    settings = Settings(data_dir=tmp_path)
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: key_from(settings, "identity"), range(8)))
    assert len(keys) == 1


def test_a_key_that_others_can_read_is_refused(tmp_path: Path):
    settings = Settings(data_dir=tmp_path)
    key_from(settings, "identity")
    (tmp_path / "keys" / "identity.key").chmod(0o644)
    with pytest.raises(InvalidInput, match=r"mode 644.*chmod 600"):
        key_from(settings, "identity")


def test_a_truncated_key_file_is_refused(tmp_path: Path):
    settings = Settings(data_dir=tmp_path)
    key_from(settings, "identity")
    (tmp_path / "keys" / "identity.key").write_text("abc")
    with pytest.raises(InvalidInput, match="3 characters"):
        key_from(settings, "identity")


def test_an_absent_key_is_not_made_when_it_is_only_to_be_read(tmp_path: Path):
    with pytest.raises(NotFound, match="opsloop up"):
        key_from(Settings(data_dir=tmp_path), "identity", create=False)
    assert list(tmp_path.iterdir()) == []


def test_a_key_in_the_settings_comes_before_the_file(tmp_path: Path):
    settings = Settings(data_dir=tmp_path, identity_key=KEY)  # type: ignore[arg-type]
    assert key_from(settings, "identity") == KEY
    assert list(tmp_path.iterdir()) == []
