import base64
import json
import time
from uuid import uuid4

import pytest
from jose import jwt

from scanhub_libraries.errors import TokenInvalidError
from scanhub_libraries.models import Revocation, Revocations, UserRole
from scanhub_libraries.security.principal import PrincipalKind
from scanhub_libraries.security.tokens import (
    TokenSigner,
    TokenVerifier,
    generate_keys,
    load_or_create_keys,
)


@pytest.fixture
def verifier(keys):
    return TokenVerifier(keys.public_pem)


def test_a_user_token_tells_user_role_and_session(signer, verifier):
    session_id = uuid4()
    principal = verifier.verify(signer.user_token("ada", UserRole.MEDICAL, session_id))
    assert principal.kind is PrincipalKind.USER
    assert (principal.subject, principal.role) == ("ada", UserRole.MEDICAL)
    assert principal.session_id == session_id
    assert principal.actor == "user:ada"


def test_a_token_tells_that_its_user_has_to_set_a_new_password(signer, verifier):
    demanding = signer.user_token("ada", UserRole.ADMIN, uuid4(), must_change_password=True)
    assert verifier.verify(demanding).must_change_password
    assert not verifier.verify(
        signer.user_token("ada", UserRole.ADMIN, uuid4())
    ).must_change_password
    assert not verifier.verify(signer.service_token("device-manager")).must_change_password


def test_a_task_token_is_bound_to_task_device_and_claim(signer, verifier):
    task_id, device_id, claim_id = uuid4(), uuid4(), uuid4()
    principal = verifier.verify(signer.task_token(task_id, device_id, claim_id))
    assert principal.kind is PrincipalKind.TASK
    assert principal.role is None
    assert (principal.task_id, principal.device_id, principal.claim_id) == (
        task_id,
        device_id,
        claim_id,
    )


def test_a_token_of_another_installation_is_refused(verifier):
    foreign = TokenSigner(generate_keys().private_pem)
    with pytest.raises(TokenInvalidError):
        verifier.verify(foreign.service_token("device-manager"))


def test_a_token_without_signature_is_refused(verifier):
    def part(document):
        return base64.urlsafe_b64encode(json.dumps(document).encode()).rstrip(b"=").decode()

    claims = {"iss": "scanhub", "sub": "eve", "kind": "user", "role": "admin", "sid": str(uuid4())}
    claims |= {"iat": int(time.time()), "exp": int(time.time()) + 60}
    with pytest.raises(TokenInvalidError):
        verifier.verify(f"{part({'alg': 'none', 'typ': 'JWT'})}.{part(claims)}.")


def test_the_public_key_as_hmac_secret_is_refused(keys, verifier):
    secret = "".join(keys.public_pem.splitlines()[1:-1])
    claims = {"iss": "scanhub", "sub": "eve", "kind": "service"}
    claims |= {"iat": int(time.time()), "exp": int(time.time()) + 60}
    with pytest.raises(TokenInvalidError):
        verifier.verify(jwt.encode(claims, secret, algorithm="HS256"))


@pytest.mark.parametrize(
    "change",
    [
        {"exp": 1},
        {"exp": None},
        {"iss": "somebody"},
        {"kind": "king"},
        {"kind": "anonymous"},
        {"role": "emperor"},
        {"sid": "not-a-uuid"},
    ],
)
def test_a_wrong_claim_is_refused(keys, verifier, change):
    claims = {
        "iss": "scanhub",
        "sub": "eve",
        "kind": "user",
        "role": "admin",
        "sid": str(uuid4()),
        "iat": int(time.time()),
        "exp": int(time.time()) + 60,
    }
    good = jwt.encode(claims, keys.private_pem, algorithm="ES256")
    assert verifier.verify(good).subject == "eve"
    changed = {key: value for key, value in {**claims, **change}.items() if value is not None}
    with pytest.raises(TokenInvalidError):
        verifier.verify(jwt.encode(changed, keys.private_pem, algorithm="ES256"))


def test_a_revoked_session_is_refused_and_another_one_is_not(signer, verifier):
    ended, other = uuid4(), uuid4()
    verifier.revocations.update(
        Revocations(
            items=[Revocation(id=1, kind="session", value=str(ended), not_before=0)], last=1
        )
    )
    with pytest.raises(TokenInvalidError):
        verifier.verify(signer.user_token("ada", UserRole.ADMIN, ended))
    assert verifier.verify(signer.user_token("ada", UserRole.ADMIN, other))
    assert verifier.revocations.last == 1


def test_a_token_that_was_good_once_is_refused_when_it_is_revoked(signer, verifier):
    session_id = uuid4()
    token = signer.user_token("ada", UserRole.ADMIN, session_id)
    assert verifier.verify(token) is verifier.verify(token)
    revoked = Revocation(id=1, kind="session", value=str(session_id), not_before=0)
    verifier.revocations.update(Revocations(items=[revoked], last=1))
    with pytest.raises(TokenInvalidError):
        verifier.verify(token)


def test_a_token_that_was_good_once_is_refused_when_it_expires(keys, verifier):
    claims = {"iss": "scanhub", "sub": "exam-manager", "kind": "service", "iat": 1}
    token = jwt.encode({**claims, "exp": int(time.time()) - 4}, keys.private_pem, algorithm="ES256")
    verifier.verify(token)  # within the leeway
    time.sleep(2.1)
    with pytest.raises(TokenInvalidError):
        verifier.verify(token)


def test_a_verifier_remembers_a_bounded_number_of_tokens(keys, signer):
    verifier = TokenVerifier(keys.public_pem, remembered=3)
    tokens = [signer.service_token(f"service-{number}") for number in range(9)]
    for token in [*tokens, tokens[0]]:
        assert verifier.verify(token).kind is PrincipalKind.SERVICE
    assert len(verifier._known) == 3


def test_keys_are_made_once_and_only_the_owner_may_read_them(tmp_path):
    first = load_or_create_keys(tmp_path / "keys")
    assert load_or_create_keys(tmp_path / "keys") == first
    assert (tmp_path / "keys" / "signing.pem").stat().st_mode & 0o077 == 0
