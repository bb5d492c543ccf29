"""How long things take, measured as they run; apart from the tests, which must not depend on a machine's speed."""
