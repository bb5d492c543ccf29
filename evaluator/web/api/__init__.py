"""The JSON API under `/v1`: what the pages do, for programs; each module brings its routes with what they need."""
