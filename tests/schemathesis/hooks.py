"""What schemathesis has to know about Factotum beyond its OpenAPI document.

FACTOTUM_PLUGIN is a component to upload, FACTOTUM_API_KEY_ID the key that the requests are made with, FACTOTUM_ACCOUNT_ID its account.
"""

import os
from pathlib import Path

import schemathesis
from hypothesis import strategies as st

COMPONENT = Path(os.environ["FACTOTUM_PLUGIN"]).read_bytes()
OWN = (os.environ["FACTOTUM_API_KEY_ID"], os.environ["FACTOTUM_ACCOUNT_ID"])

schemathesis.openapi.media_type(
    "application/wasm", st.sampled_from([COMPONENT]) | st.binary(max_size=2_000)
)


@schemathesis.hook
def filter_case(context, case):
    """The key that the requests are made with stays, or the rest of the run would be refused as 401 and show nothing."""
    if case.method.upper() == "GET":
        return True
    return (case.path_parameters or {}).get("id") not in OWN
