"""One root error, split first by who must act.

HearthlinkError
├── OperatorError      a person must change something
│   └── ConfigError    one or more faults in a configuration, all listed
├── RetryableError     the caller's loop tries again
│   └── LinkError      a byte stream could not be opened, or ended
└── BadInputError      bytes from outside that break a rule: quarantined and counted
    └── FrameError     a frame that is refused, with its rejection code
"""


class HearthlinkError(Exception):
    """Every error raised on purpose: what failed, on which value, and the fix in `hint`."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class OperatorError(HearthlinkError):
    """A person must change something before another try can succeed."""


class ConfigError(OperatorError):
    """A configuration with faults; `faults` lists every one as "key = value: fix"."""

    def __init__(self, source: str, faults: list[str]) -> None:
        super().__init__(
            f"{source}: {len(faults)} fault(s): " + "; ".join(faults),
            hint="correct these keys and start again",
        )
        self.faults = faults


class RetryableError(HearthlinkError):
    """The same call may succeed later; the caller's loop waits and tries again."""


class LinkError(RetryableError):
    """A byte stream could not be opened, or ended."""


class BadInputError(HearthlinkError):
    """Bytes from outside that break a rule; they are quarantined with this reason, never fatal."""


class FrameError(BadInputError):
    """A frame that is refused; `code` is the rejection code of docs/reference/frame.md."""

    def __init__(self, code: str, message: str, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.code = code
