"""The errors that a user can meet.

Every message names the file or option at fault and how to mend it; the command line prints it and ends with
exit code 2.

    DigitsmithError
    ├── DataError          a data set that cannot be read, or that does not fit the job
    │   ├── DownloadError  a named data set that could not be fetched whole
    │   └── MissingSplitError  a data set that has no such split
    ├── ConfigError        an unknown preset or key, a wrong type, a value out of range
    ├── ModelError         a file that is no generator of ours, or labels that it does not have
    ├── ResultError        a result that cannot be read, or results that cannot be compared
    ├── OutputError        a place that cannot be written, or that holds something already
    └── RunError           a run folder that cannot be started or continued
        └── DivergedError  a training whose losses or weights are no longer finite
"""


class DigitsmithError(Exception):
    """The root of all errors that a user can meet."""


class DataError(DigitsmithError):
    """A data set that cannot be read, or that does not fit the job."""


class DownloadError(DataError):
    """A named data set that could not be fetched whole."""


class MissingSplitError(DataError):
    """A data set that has the other split, but not the one asked for."""


class ConfigError(DigitsmithError):
    """An unknown preset or key, a value of the wrong type or out of range."""


class ModelError(DigitsmithError):
    """A file that is no generator of ours, or labels that it does not have."""


class ResultError(DigitsmithError):
    """A result that cannot be read, or results that were measured differently and cannot be compared."""


class OutputError(DigitsmithError):
    """A place that cannot be written, or that holds something already."""


class RunError(DigitsmithError):
    """A run folder that cannot be started or continued."""


class DivergedError(RunError):
    """A training whose losses or weights are no longer finite."""
