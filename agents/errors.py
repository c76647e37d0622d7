"""What can go wrong, as one small tree.

    ErrataError
    ├── ConfigError      (ValueError)       a configuration that cannot be run
    ├── ExamError        (ValueError)       an exam file that cannot be read or marked
    ├── ModelError       (ValueError)       weights that cannot be found or do not fit
    ├── RunError         (RuntimeError)     a run folder that cannot be used as asked
    ├── InstructorError  (ConnectionError)  an instructor that cannot be reached
    ├── BudgetSpent      (RuntimeError)     a budget that holds no further call to an LLM
    ├── SandboxError     (RuntimeError)     generated code that cannot be run safely here
    │   └── BoxBroke                        one program that was not run; the next may be
    ├── ExportError      (RuntimeError)     a model that is not exported: cannot be, or differs
    └── StepFailed       (RuntimeError)     a child process that failed; the run can be resumed

Each message is one sentence that names the thing and the remedy.
"""

from __future__ import annotations


class ErrataError(Exception):
    """Anything that a user can mend; the command line prints it and exits with 2."""


class ConfigError(ErrataError, ValueError):
    """A configuration that cannot be run."""


class ExamError(ErrataError, ValueError):
    """An exam file that cannot be read or marked."""


class ModelError(ErrataError, ValueError):
    """Weights that cannot be found or do not fit."""


class RunError(ErrataError, RuntimeError):
    """A run folder that cannot be used as asked."""


class InstructorError(ErrataError, ConnectionError):
    """An instructor that cannot be reached or refuses to work."""


class BudgetSpent(ErrataError, RuntimeError):
    """A budget that holds no further call to an LLM. What there is by then is used."""


class SandboxError(ErrataError, RuntimeError):
    """Generated code that cannot be run safely here."""


class BoxBroke(SandboxError):
    """One box that failed, through nothing that its program did: the response has no verdict."""


class ExportError(ErrataError, RuntimeError):
    """A model that cannot be exported as asked, or whose export does not answer as it did."""


class StepFailed(ErrataError, RuntimeError):
    """A child process that failed or was killed."""
