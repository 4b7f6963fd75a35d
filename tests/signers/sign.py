"""Signs deliveries as their senders do, with the senders' own packages: a JSON list on stdin, the headers of each on stdout."""

import base64
import json
import sys
from datetime import datetime, timezone

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from slack_sdk.signature import SignatureVerifier
from standardwebhooks.webhooks import Webhook
from stripe import WebhookSignature
from twilio.request_validator import RequestValidator


def standard(d):
    at = datetime.fromtimestamp(d["now"], tz=timezone.utc)
    signature = Webhook(d["secret"]).sign(d["id"], at, d["body"])
    return {"webhook-id": d["id"], "webhook-timestamp": str(d["now"]), "webhook-signature": signature}


def standard_v1a(d):
    key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(d["secret"]))
    signature = key.sign(f"{d['id']}.{d['now']}.{d['body']}".encode())
    public = base64.b64encode(key.public_key().public_bytes_raw()).decode()
    return {
        "webhook-id": d["id"],
        "webhook-timestamp": str(d["now"]),
        "webhook-signature": "v1a," + base64.b64encode(signature).decode(),
        "x-public-key": "whpk_" + public,
    }


def stripe(d):
    return {"stripe-signature": WebhookSignature.generate_signature_header(d["body"], d["secret"], d["now"])}


def slack(d):
    signature = SignatureVerifier(d["secret"]).generate_signature(timestamp=str(d["now"]), body=d["body"])
    return {"x-slack-request-timestamp": str(d["now"]), "x-slack-signature": signature}


def twilio(d):
    validator = RequestValidator(d["secret"])
    if "form" in d:
        return {"x-twilio-signature": validator.compute_signature(d["url"], d["form"])}
    url = d["url"] + "?bodySHA256=" + validator.compute_hash(d["body"])
    return {"x-twilio-signature": validator.compute_signature(url, {}), "x-query": url.split("?", 1)[1]}


SCHEMES = {"standard": standard, "standard_v1a": standard_v1a, "stripe": stripe, "slack": slack, "twilio": twilio}
print(json.dumps([SCHEMES[d["scheme"]](d) for d in json.load(sys.stdin)]))
