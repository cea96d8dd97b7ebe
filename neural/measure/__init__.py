"""Errors and terrain attributes in meters; references to measure against."""
