"""The errors a user of the trainer can mend: one sentence saying what, where, and what to do."""


class TrainError(ValueError):
    """Bad input, or a run that cannot go on. The message names the offending value and the way out."""
