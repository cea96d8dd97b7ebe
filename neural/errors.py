"""Errors a user may meet. Each message is one sentence: the file, what is wrong, what to do."""


class NtileError(Exception):
    """Base of all expected failures; `exit_code` is the command's exit status (design: 3 =
    input/output)."""

    exit_code = 3


class UsageError(NtileError):
    """The command was asked for something it cannot mean (exit 2)."""

    exit_code = 2


class DemError(NtileError):
    """The elevation raster cannot be used."""


class ContainerError(NtileError):
    """The .ntile file is damaged, truncated, or not one this version reads."""


class ModelError(NtileError):
    """Decoder or encoder weights are missing, damaged, or of the wrong shape."""
