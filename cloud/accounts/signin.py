"""Signing in, proving it again, and choosing a password: the steps, their order and their answers.

Whether an account exists is not told, by words or by time: a password is checked either way.
"""

from http import HTTPStatus
from typing import NamedTuple

from sqlalchemy import Connection

from cloud.accounts import factors, users
from cloud.accounts import sessions as kept
from cloud.accounts.guesses import Attempt, Guesses, too_many
from cloud.accounts.passwords import Hasher, Policy
from cloud.accounts.sessions import Session
from cloud.accounts.users import User
from cloud.db import Database
from cloud.households.invitations import take_up
from cloud.problems import ProblemError
from cloud.secrets import digest_of
from shared.clock import Clock


class Proof(NamedTuple):
    """What a person shows: a password, and a code of the app or a recovery code."""

    password: str
    code: str = ""
    recovery_code: str = ""


class Opened(NamedTuple):
    """A session that began; `token` and `device` go into cookies."""

    user: User
    session: Session
    token: str
    device: str


class SignIn:
    """Signs people in; keeps how often which address was wrong, and nothing else."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        hasher: Hasher,
        policy: Policy,
        guesses: Guesses | None = None,
    ) -> None:
        self._database = database
        self._clock = clock
        self.hasher = hasher
        self.policy = policy
        self.guesses = guesses or Guesses()

    def sign_in(self, email: str, proof: Proof, *, address: str, device: str, agent: str) -> Opened:
        """Begin a session; raises ProblemError 401, HTTPException 429.

        `device` is the token of the device's cookie, `agent` what the program calls itself.
        """
        now_ms = self._clock.utc_ms()
        with self._database.reading() as connection:
            user = users.find_by_email(connection, email)
            # Asked for nobody too: whether there is such a person must not tell by the time.
            user_id = user.user_id if user is not None else ""
            is_known = kept.is_known_device(connection, user_id, device)
        attempt = Attempt(email, address, digest_of("pace", device) if is_known else "")
        user = self._check(attempt, user, proof, now_ms)
        with self._database.writing() as connection:
            self._check_unchanged(connection, user)
            session, token = kept.open_session(connection, user.user_id, agent, now_ms)
            take_up(connection, user.user_id, now_ms)
            device = device if is_known else ""
            device = kept.know_device(connection, user.user_id, device, now_ms)
        return Opened(user, session, token, device)

    def prove(self, user_id: str, session_id: str, proof: Proof) -> None:
        """Note that a session's person showed password and code again; raises as `sign_in`."""
        now_ms = self._clock.utc_ms()
        with self._database.reading() as connection:
            user = users.find_user(connection, user_id)
        # The session stands for the device: nobody else's tries count against it.
        self._check(Attempt("", "", session_id), user, proof, now_ms)
        with self._database.writing() as connection:
            kept.note_proof(connection, session_id, now_ms)

    def choose_password(self, code: str, password: str, address: str) -> User:
        """Let a set-up code's person choose a password; raises 404, 422, 429."""
        now_ms = self._clock.utc_ms()
        attempt = Attempt("", address)
        self.guesses.begin(attempt, self._clock.monotonic_ms())
        with self._database.reading() as connection:
            user = users.find_set_up(connection, code, now_ms)
        if user is None:
            raise ProblemError(
                HTTPStatus.NOT_FOUND,
                "no such code, or it was used or is over",
                hint="ask who runs the service for another: hearthlink cloud users reset",
                code="no-code",
            )
        self.guesses.succeed(attempt)
        self.policy.check(password, user.email or "", user.name)
        hashed = self.hasher.hash(password)
        with self._database.writing() as connection:
            if users.find_set_up(connection, code, now_ms) is None:
                raise ProblemError(HTTPStatus.NOT_FOUND, "the code was used", code="no-code")
            users.set_password(connection, user.user_id, hashed)
        return user

    def change_password(self, user: User, session_id: str, password: str) -> None:
        """Change the password of who is signed in; their other sessions end. Raises 422."""
        self.policy.check(password, user.email or "", user.name)
        hashed = self.hasher.hash(password)
        with self._database.writing() as connection:
            users.set_password(connection, user.user_id, hashed, keep=session_id)

    def _check(self, attempt: Attempt, user: User | None, proof: Proof, now_ms: int) -> User:
        """Judge a proof; a try is taken before and given back where it was right."""
        self.guesses.begin(attempt, self._clock.monotonic_ms())
        matches = self.hasher.matches(user.password_hash if user else "", proof.password)
        if user is None or not matches:
            raise ProblemError(
                HTTPStatus.UNAUTHORIZED,
                "e-mail or password are wrong",
                hint="who runs the service can give you a code for a new password",
                code="wrong-credentials",
            )
        if proof.code or proof.recovery_code:
            self._check_factor(user, proof, now_ms)
        self.guesses.succeed(attempt)
        if not (proof.code or proof.recovery_code):
            self._check_factor(user, proof, now_ms)
        if self.hasher.is_outdated(user.password_hash):
            hashed = self.hasher.hash(proof.password)
            with self._database.writing() as connection:
                users.rehash(connection, user, hashed)
            return user._replace(password_hash=hashed)
        return user

    def _check_factor(self, user: User, proof: Proof, now_ms: int) -> None:
        with self._database.reading() as connection:
            if not factors.needs_code(connection, user.user_id):
                return
        if proof.recovery_code:
            with self._database.writing() as connection:
                if factors.take_recovery_code(connection, user.user_id, proof.recovery_code):
                    return
        elif proof.code and self._take_code(user.user_id, proof.code, now_ms):
            return
        given = proof.code or proof.recovery_code
        raise ProblemError(
            HTTPStatus.UNAUTHORIZED,
            "the code is wrong, or was used already" if given else "a code is needed, too",
            hint="send `code` from your app, or one of your recovery codes",
            code="second-factor-needed",
        )

    def _take_code(self, user_id: str, code: str, now_ms: int) -> bool:
        monotonic_ms = self._clock.monotonic_ms()
        wait_ms = self.guesses.codes.take(user_id, monotonic_ms)
        if wait_ms:
            raise too_many(wait_ms)
        with self._database.writing() as connection:
            is_right = factors.take_code(connection, user_id, code, now_ms)
        if is_right:
            self.guesses.codes.give_back(user_id)
        return is_right

    @staticmethod
    def _check_unchanged(connection: Connection, user: User) -> None:
        """Refuse what was true when it was checked and is no more: a password changed meanwhile."""
        now = users.find_user(connection, user.user_id)
        if now is None or now.password_hash != user.password_hash:
            raise ProblemError(
                HTTPStatus.UNAUTHORIZED, "e-mail or password are wrong", code="wrong-credentials"
            )
