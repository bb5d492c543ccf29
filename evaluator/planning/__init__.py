"""What a volume of interviews would cost, and whether a model fits into a GPU: arithmetic on figures of others."""
