"""Sends mail with Python's own smtplib. Arguments: port, certificate or `-`, sender, recipient, subject, bytes of an attachment."""

import smtplib
import ssl
import sys
from email.message import EmailMessage

port, certificate, sender, recipient, subject, size = sys.argv[1:]
message = EmailMessage()
message["From"] = sender
message["To"] = recipient
message["Subject"] = subject
message.set_content("Sent by smtplib.\n.\nA line with a dot alone is above.\n")
if int(size):
    attachment = bytes(i * 7 % 256 for i in range(256)) * (int(size) // 256)
    message.add_attachment(attachment, maintype="application", subtype="octet-stream", filename="large.bin")
with smtplib.SMTP("localhost", int(port), timeout=300) as client:
    if certificate != "-":
        client.starttls(context=ssl.create_default_context(cafile=certificate))
    refused = client.send_message(message)
    assert not refused, refused
