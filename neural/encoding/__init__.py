"""From samples to payloads: the pyramid, the encoders of each method, resumable jobs."""
