"""`ntile bench`: rate and distortion of neural layers against classical codecs, and diagnostics of
the models.

Height errors, slopes and sizes follow one protocol for everything that is compared: tiles of
256×256 samples, all side information in the project's own envelope, errors over all valid samples
of the finest level (`neural.measure.metrics`). Other ways to count JPEG 2000's bytes, as files and
as one image, stand beside it (`neural.bench.accounting`).
"""
