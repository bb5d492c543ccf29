"""Names of the faults inside a worker; importing this imports no worker."""

FAILPOINTS = ("answer-put", "put-progress", "commit-ack")  # SIGKILL of itself between the one and the other
STORE_FAULTS = ("store-5xx", "store-slow", "store-lost-put")
