"""Errors and terrain attributes in metres; references to measure against."""
