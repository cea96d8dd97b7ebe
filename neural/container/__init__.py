"""The .ntile file: reader, writer, metadata, envelopes (FORMAT.md)."""
