"""How a picture comes about: geometry that fits, light, colours, and the order of the passes."""
