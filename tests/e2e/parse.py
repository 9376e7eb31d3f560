"""A mail on standard input as Python's email package reads it, as JSON.

Fails if the bytes are not strictly what RFC 5322 section 2.1 asks for.
"""
import email
import email.policy
import json
import sys

raw = sys.stdin.buffer.read()
lines = raw.split(b"\r\n")
assert raw.endswith(b"\r\n"), "does not end in CRLF"
assert not any(b"\r" in line or b"\n" in line for line in lines), "bare CR or LF"
assert max(map(len, lines)) <= 998, "a line of over 998 octets"
assert all(byte < 128 for byte in raw), "not ASCII"

mail = email.message_from_bytes(raw, policy=email.policy.SMTP)
assert not mail.defects, mail.defects
parts = [part for part in mail.walk() if not part.is_multipart()]
for part in parts:
    assert not part.defects, part.defects
json.dump(
    {
        "headers": [[name, str(value)] for name, value in mail.items()],
        "type": mail.get_content_type(),
        "parts": [[p.get_content_type(), p.get_content()] for p in parts],
    },
    sys.stdout,
)
