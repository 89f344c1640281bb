"""The errors that Earmark raises on purpose."""


class EarmarkError(Exception):
    """A fault a person can act on.

    Parameters
    ----------
    message : str
        One sentence that names the file, the line or the field, as a person would
        read it in a dialog or on a terminal.
    remedy : str, optional
        What to do about it, one sentence.
    """

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message} {self.remedy}".strip()


class Cancelled(BaseException):
    """A job was asked to stop.

    It is not an `Exception`, so that a library that swallows errors in a loop cannot
    swallow the request to stop.
    """
