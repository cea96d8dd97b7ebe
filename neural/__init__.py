"""Neural terrain codec: methods, the .ntile container and the `ntile` tools. Importing it never
imports torch."""

__version__ = "0.2.0"
