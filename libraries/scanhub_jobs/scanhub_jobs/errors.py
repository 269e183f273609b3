"""What a job says when it cannot go on."""


class JobInputError(Exception):
    """The input cannot be processed; the text tells a technician why.

    It is an answer, not a crash: repeating the job on the same input ends the same way.
    """
