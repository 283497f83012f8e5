"""The errors that a user can meet.

Every message names the file or option at fault and how to mend it; the command line prints it and ends with
exit code 2.

    DigitsmithError
    ├── DataError          a data set that cannot be read, or that does not fit the job
    │   └── DownloadError  a named data set that could not be fetched whole
    ├── ConfigError        an unknown preset or key, a wrong type, a value out of range
    ├── ModelError         a file that is no generator of ours, or labels that it does not have
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


class ConfigError(DigitsmithError):
    """An unknown preset or key, a value of the wrong type or out of range."""


class ModelError(DigitsmithError):
    """A file that is no generator of ours, or labels that it does not have."""


class OutputError(DigitsmithError):
    """A place that cannot be written, or that holds something already."""


class RunError(DigitsmithError):
    """A run folder that cannot be started or continued."""


class DivergedError(RunError):
    """A training whose losses or weights are no longer finite."""
