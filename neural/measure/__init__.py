"""Errors, sizes and terrain attributes of decoded layers.

Errors are in meters, or meters per meter for slopes, over the valid samples of the finest level;
sizes are in bits per valid sample. A reference is any `HeightReader`.
"""
