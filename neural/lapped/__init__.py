"""The machinery of `lapped_siren`: basis, closed loop, context model and range coder; none of it imports torch."""
