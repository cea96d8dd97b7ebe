"""One document and how it is looked at, without a window."""
