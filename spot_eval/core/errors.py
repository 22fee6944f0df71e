"""Errors that a user can fix: one sentence with what is wrong, where, and what to do.

The command line prints them without a traceback and exits with `exit_code`; everything else is a crash (exit 1).
"""

import re

LONGEST_WORD = 400
"""Characters of one word of a message; a path is shorter, a value of a broken file may be any length."""


def sentence_of(problem: BaseException) -> str:
    """Return the message of an error with words of more than LONGEST_WORD characters cut short."""
    return re.sub(rf"(\S{{{LONGEST_WORD // 4}}})\S{{{LONGEST_WORD},}}", r"\1…", str(problem))


class UserError(Exception):
    """Bad input. The message names the offending value and the way out.

    >>> raise UserError("no suite named 'spott'; the nearest is 'spot' (spot-eval tasks list shows all)")
    Traceback (most recent call last):
    spot_eval.core.errors.UserError: no suite named 'spott'; the nearest is 'spot' (spot-eval tasks list shows all)
    """

    exit_code = 2


class NotComparableError(UserError):
    """Two runs differ in a setting that decides scores, so their difference would mean nothing."""

    exit_code = 5


class EngineDiedError(UserError):
    """The engine stopped during the run. The input is right, and finished work is kept."""

    exit_code = 1


class Interrupted(BaseException):
    """Ctrl-C. It is not a KeyboardInterrupt, so that no library can catch it and go on."""

    exit_code = 130
