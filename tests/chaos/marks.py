"""Words that plant a poison in an interview; the engine and the worker of the harness look for them."""

BAD_JSON = "zxbadjson"  # the engine's answer to it is never JSON
ALWAYS_500 = "zxalwaysfails"  # the engine answers 500, and is healthy otherwise
KILLS_WORKER = "zxkillsworker"  # the worker's child dies before it asks
