"""Pictures made without a window: loading all they need, any size, what is lettered on them."""
