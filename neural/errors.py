"""Errors for the user. Each message is one sentence: the file, the problem, the remedy."""


class NtileError(Exception):
    """Base class of expected failures; `exit_code` is the exit status of the command (3: input or
    output)."""

    exit_code = 3


class UsageError(NtileError):
    """Invalid argument or combination of arguments (exit status 2)."""

    exit_code = 2


class DemError(NtileError):
    """The elevation raster cannot be used."""


class ContainerError(NtileError):
    """The .ntile file is damaged, truncated, or not one this version reads."""


class ModelError(NtileError):
    """Decoder or encoder weights are missing, damaged, or of the wrong shape."""
