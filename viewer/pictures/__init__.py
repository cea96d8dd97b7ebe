"""Pictures made without a window: loading, rendering at any size, lettering."""
