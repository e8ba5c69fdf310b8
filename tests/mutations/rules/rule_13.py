"""Rule 13: a secret."""

from tests.mutations.guard import Guard

SERVICES = "sessions_app/services.py"
HASHLOCK = "orchestrator/kernel/hashlock.py"
CIPHER = "orchestrator/kernel/cipher.py"
REDACTION = "orchestrator/observability/redaction.py"
LOGS = "orchestrator/observability/logs.py"
VAULT = "secrets_app/services.py"
SIGNING = "chains_app/outbox/signing.py"
CHAINS = "tests/integration/chains/"
SESSIONS = "tests/integration/sessions/"
ASKED = SESSIONS + "test_guard.py::"
LOGGED = "tests/integration/floor/test_logs.py::"
IN_THE_VAULT = "tests/integration/secrets/test_vault.py::"
SEALED = "tests/unit/kernel/test_cipher.py::"
A_SECRET = "tests/unit/kernel/test_hashlock.py::"
VOIDING = CHAINS + "test_voiding.py::"
NOT_LOGGED = LOGGED + "test_rule_13_what_is_secret_is_not_logged"

ROWS = (
    Guard(
        13, "secret-repr", "A secret is in no repr.", HASHLOCK,
        'return "Secret(***)"', 'return f"Secret({self._value.hex()})"',
        (A_SECRET + "test_a_secret_is_not_shown_and_not_pickled",),
    ),
    Guard(
        13, "secret-pickle", "A secret is in no task, cache or message.", HASHLOCK,
        'raise TypeError("a secret is never pickled: it would reach a task, a cache or a log")',
        "return Secret, (self._value,)",
        (A_SECRET + "test_a_secret_is_not_shown_and_not_pickled",),
    ),
    Guard(
        13, "secret-length", "A secret has exactly 32 bytes.", HASHLOCK,
        "        if len(value) != LENGTH:\n            raise InvalidSecretError(f\"a secret",
        "        if False:\n            raise InvalidSecretError(f\"a secret",
        (A_SECRET + "test_a_secret_has_exactly_32_bytes",),
    ),
    Guard(
        13, "facts-repr", "What a chain showed is not in the repr of its facts.",
        "chains_app/selectors.py",
        "preimage: bytes | None = field(repr=False)", "preimage: bytes | None = field()",
        (CHAINS + "test_poller.py::test_a_preimage_shown_at_the_head_is_known_at_once",),
    ),
    Guard(
        13, "keys-repr", "Our keys are in no repr.", CIPHER,
        'return f"Cipher(keys={sorted(self._keys)})"', 'return f"Cipher(keys={self._keys})"',
        (SEALED + "test_keys_are_not_shown",),
    ),
    Guard(
        13, "sealed-row", "A secret stands in the vault only sealed.", VAULT,
        "row.sealed = vault_cipher().seal(secret.reveal(), row.associated_data())",
        "row.sealed = secret.reveal()",
        (IN_THE_VAULT + "test_rule_13_the_row_holds_no_plain_secret",),
    ),
    Guard(
        13, "sealed-associated-data", "The row's identity is the seal's associated data.",
        "secrets_app/models.py",
        "return self.pk.bytes + self.reference.bytes", 'return b""',
        (IN_THE_VAULT + "test_a_sealed_value_moved_to_another_row_does_not_open",),
    ),
    Guard(
        13, "sealed-bytes", "Signed bytes that show a secret stand only sealed.", SIGNING,
        "_store_bytes(attempt, signed, is_secret=secret is not None)",
        "_store_bytes(attempt, signed, is_secret=False)",
        (VOIDING + "test_rule_13_bytes_with_a_secret_stand_sealed",),
    ),
    Guard(
        13, "opened-for-its-session", "A secret opens for its own session alone.", VAULT,
        "    if row.reference != reference:\n", "    if False:\n",
        (IN_THE_VAULT + "test_a_secret_opens_for_its_own_reference_only",
         ASKED + "test_rule_13_a_secret_is_opened_for_its_own_session_alone"),
    ),
    Guard(
        13, "opening-is-audited", "Who opened a secret, why and when is recorded.", VAULT,
        "    SecretAccess.objects.create(secret=row, actor=_actor(), purpose=purpose)\n", "",
        (IN_THE_VAULT + "test_rule_13_every_opening_leaves_who_why_and_when",),
    ),
    Guard(
        13, "opened-fits", "A secret that does not fit its hashlock is not given out.", VAULT,
        "if not fits(secret, bytes(row.hashlock), HashFunction(row.hash_function)):", "if False:",
        (IN_THE_VAULT + "test_a_row_whose_hashlock_was_changed_does_not_open",),
    ),
    Guard(
        13, "forgotten", "A secret is destroyed after the end.", VAULT,
        "kept.update(sealed=None, forgotten_at=Now())", "kept.update()",
        (IN_THE_VAULT + "test_a_forgotten_secret_is_gone_and_its_hashlock_stays",),
    ),
    Guard(
        13, "forgotten-at-the-end-only", "The secret of an open session is not forgotten.",
        "sessions_app/sweeps.py",
        "rows.filter(pk__in=session_ids, status__in=ENDED, secret_id__isnull=False)",
        "rows.filter(pk__in=session_ids, secret_id__isnull=False)",
        (SESSIONS
         + "test_swaps.py::test_rule_13_a_secret_is_kept_while_its_session_is_open",),
    ),
    Guard(
        13, "shown-before-the-vault", "What the chain has shown is not opened again.",
        "sessions_app/guard.py",
        "    if shown is not None:\n        return shown\n", "",
        (ASKED
         + "test_rule_13_each_opening_is_audited_until_the_chain_shows_the_secret",),
    ),
    Guard(
        13, "log-names", "What is named as a secret is not logged.", REDACTION,
        "if _SECRET_NAME.search(name) and not isinstance(value, bool | None):", "if False:",
        (NOT_LOGGED,),
    ),
    Guard(
        13, "log-words", "32-byte words in text are not logged.", REDACTION,
        "return _WORD.sub(REDACTED, _redact_credentials(text))", "return _redact_credentials(text)",
        (NOT_LOGGED,),
    ),
    Guard(
        13, "log-bytes", "Bytes are not logged.", REDACTION,
        "    if isinstance(value, bytes | bytearray | memoryview):\n        return REDACTED\n", "",
        (NOT_LOGGED,),
    ),
    Guard(
        13, "log-deep", "What stands deep inside a value is not logged.", REDACTION,
        "return [_redact(one) for one in value]", "return list(value)",
        (NOT_LOGGED,),
    ),
    Guard(
        13, "log-urls", "Of an address only scheme and host are logged.", REDACTION,
        'return _URL.sub(r"\\1://\\2", _IN_TEXT.sub(REDACTED, text))',
        "return _IN_TEXT.sub(REDACTED, text)",
        (NOT_LOGGED,),
    ),
    Guard(
        13, "log-calldata", "Calldata and signed bytes are not logged.", REDACTION,
        'return _URL.sub(r"\\1://\\2", _IN_TEXT.sub(REDACTED, text))',
        'return _URL.sub(r"\\1://\\2", text)',
        (NOT_LOGGED,),
    ),
    Guard(
        13, "log-everything", "Every line passes the redaction, a library's and a traceback too.",
        LOGS,
        "            redact_event,\n", "",
        (NOT_LOGGED, LOGGED + "test_rule_13_a_librarys_line_is_redacted_too",
         LOGGED + "test_rule_13_a_traceback_is_redacted_too"),
    ),
    Guard(
        13, "refusal-repeats-nothing", "A secret that does not fit is not repeated in the answer.",
        SERVICES,
        '"the secret does not fit the session\'s hashlock: give the 32 bytes that you hashed",',
        '"the secret does not fit the session\'s hashlock: " + secret.reveal().hex(),',
        (SESSIONS + "test_maker_mode.py::"
         "test_rule_3_a_secret_that_does_not_fit_is_not_taken_and_never_repeated",),
    ),
)  # fmt: skip
