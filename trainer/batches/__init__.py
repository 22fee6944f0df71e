"""From pairs to packed batches of token ids."""
