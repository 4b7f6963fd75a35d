"""What schemathesis has to know about Factotum beyond its OpenAPI document.

FACTOTUM_PLUGIN is a component to upload, FACTOTUM_OWN_IDS are the ids of the key that the requests are made with, of its account
and of the webhook that is called.
"""

import os
from pathlib import Path

import schemathesis
from hypothesis import strategies as st

COMPONENT = Path(os.environ["FACTOTUM_PLUGIN"]).read_bytes()
OWN_IDS = os.environ["FACTOTUM_OWN_IDS"].split()
LONGEST_WAIT_S = 2
# What each Idempotency-Key was first sent with.
SENT = {}

schemathesis.openapi.media_type(
    "application/wasm", st.sampled_from([COMPONENT]) | st.binary(max_size=2_000)
)


@schemathesis.hook
def filter_case(context, case):
    # What the requests need stays: without the key, say, the rest of the run would be refused as 401 and show nothing.
    if case.method.upper() != "GET" and (case.path_parameters or {}).get("id") in OWN_IDS:
        return False
    # A key that came before with another request is refused, rightly.
    once = (case.headers or {}).get("Idempotency-Key")
    request = (case.method, case.formatted_path, repr(case.query), repr(case.body))
    if once is not None and SENT.setdefault(once, request) != request:
        return False
    # A paused workflow's run has no outcome: whoever asks to wait for it waits for two minutes, rightly.
    wait = str((case.query or {}).get("wait", "")).strip("+")
    return not (wait.isdecimal() and int(wait) > LONGEST_WAIT_S)
