"""One network for a whole area: ACORN and its global baselines beside codecs (`ntile bench
--global`)."""
