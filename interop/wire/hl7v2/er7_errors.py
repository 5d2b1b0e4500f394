"""What can be wrong with a message in ER7, and where.

    Er7Error(ValueError)     reason, place, detail
    ├── Unreadable           a message that came in: its sender acts
    └── Unwritable           a message that was to go out: whoever supplied the text acts

No text in here quotes the message: names and numbers of patients stay out of errors, and a shifted field can hold either.
"""

from enum import StrEnum


class Reason(StrEnum):
    """Why a message cannot be read or written; stable codes for logs, metrics and the sentence an analyst reads."""

    EMPTY = "empty"
    TOO_LARGE = "too-large"
    TOO_MANY_SEGMENTS = "too-many-segments"
    NO_HEADER = "no-header"
    SECOND_HEADER = "second-header"
    DELIMITERS = "delimiters"
    CONTROL_CHARACTER = "control-character"
    CHARSET_NOT_CARRIED = "charset-not-carried"
    CHARSET_CONTRADICTED = "charset-contradicted"
    MIXED_LINE_ENDS = "mixed-line-ends"
    SEGMENT_NAME = "segment-name"
    NOT_IN_CHARSET = "not-in-charset"
    NO_DELIMITER = "no-delimiter"


class Er7Error(ValueError):
    """A message that cannot be read or written.

    Attributes:
        reason: the stable code.
        place: the field (``OBX[2]-5``), the line (``line 4``) or ``message``.
        detail: one sentence part that says what is wrong without quoting the message.
    """

    def __init__(self, reason: Reason, place: str, detail: str) -> None:
        super().__init__(reason, place, detail)
        self.reason = reason
        self.place = place
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.place}: {self.detail} ({self.reason})"


class Unreadable(Er7Error):
    """Bytes that are no message in ER7, or not safely one; nothing of them may be used."""


class Unwritable(Er7Error):
    """A value that no receiver would read back as it was given."""
