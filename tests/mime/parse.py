"""Mails of compose on standard input: is each strictly what the RFCs ask for,
and does Python's email package read exactly what went in?
"""
import email
import email.policy
import email.utils
import json
import re
import sys
from email.header import decode_header, make_header


def same(what, found, expected):
    """Says where two texts part, as a mail may be long."""
    if found == expected:
        return
    if isinstance(found, str) and isinstance(expected, str):
        at = next((i for i, (a, b) in enumerate(zip(found, expected)) if a != b),
                  min(len(found), len(expected)))
        start = max(at - 30, 0)
        found, expected = found[start:at + 30], expected[start:at + 30]
    raise AssertionError(f"{what}: {found!r} in place of {expected!r}")


def lines_of(text):
    """Line ends are the mail's own, and the last line has one."""
    text = re.sub("\r\n?", "\n", text)
    return text + "\n" if text and not text.endswith("\n") else text


def domain_to_ascii(address):
    local, domain = address.rsplit("@", 1)
    if domain.isascii():
        return address
    labels = (x if x.isascii() else "xn--" + x.encode("punycode").decode()
              for x in domain.split("."))
    return local + "@" + ".".join(labels)


def check_bytes(raw):
    """RFC 5322 section 2.1, RFC 2045 section 6.7, RFC 5321 section 4.5.2."""
    assert raw.endswith(b"\r\n"), "does not end in CRLF"
    assert raw.isascii(), "not ASCII"
    assert b"\0" not in raw, "NUL"
    lines = raw.split(b"\r\n")[:-1]
    body = lines.index(b"") + 1
    for i, line in enumerate(lines):
        assert b"\r" not in line and b"\n" not in line, "a bare CR or LF"
        assert len(line) <= 998, "a line of over 998 octets"
        if i >= body:
            assert len(line) <= 76, f"a line of {len(line)} octets in the body"
            assert not line.startswith(b"."), "a line begins with a dot"
            assert not line.startswith(b"From "), "a line begins with From"
            assert line == b"" or line[-1] not in b" \t", "a space ends a line"
        elif line:
            # longer only where there is nothing to fold at
            longest = 76 if b"=?" in line else 78
            value = line if line[:1] in b" \t" else line.partition(b":")[2]
            assert len(line) <= longest or b" " not in value.strip(), line
            assert line.strip(), "a line of spaces in the head"


def check_mailbox(mail, older, header, name, address):
    """By the older interface: the newer one puts spaces into long names."""
    if address is None:
        assert mail[header] is None
        return
    (box,) = mail[header].addresses
    same(header, box.addr_spec, domain_to_ascii(address))
    found, _ = email.utils.parseaddr(older[header].replace("\r\n", ""))
    same(header, str(make_header(decode_header(found))), name)


def check_headers(mail, older, went_in):
    check_mailbox(mail, older, "From", *went_in["from"])
    check_mailbox(mail, older, "To", *went_in["to"])
    check_mailbox(mail, older, "Reply-To", *went_in["reply_to"])
    for header, key in (("Subject", "subject"), ("X-Extra", "extra"),
                        ("Feedback-ID", "feedback")):
        value = mail[header]
        same(header, None if value is None else str(value), went_in[key])
    same("Message-ID", str(mail["Message-ID"]), f"<{went_in['message_id']}>")
    same("Date", mail["Date"].datetime.timestamp() * 1000, went_in["date_ms"])
    if went_in["unsubscribe"] is not None:
        links = re.sub(r"\s", "", str(mail["List-Unsubscribe"]))
        link = f"<{went_in['unsubscribe']}>"
        same("List-Unsubscribe", links[:len(link)], link)
        same("List-Unsubscribe-Post", mail["List-Unsubscribe-Post"],
             "List-Unsubscribe=One-Click")


def check_parts(mail, went_in):
    expected = [(kind, lines_of(went_in[key]))
                for kind, key in (("text/plain", "text"), ("text/html", "html"))
                if went_in[key] is not None]
    parts = [part for part in mail.walk() if not part.is_multipart()]
    same("parts", [part.get_content_type() for part in parts],
         [kind for kind, _ in expected])
    for part, (kind, text) in zip(parts, expected):
        same(kind, part.get_content().replace("\r\n", "\n"), text)
    for part in mail.walk():
        same("defects", part.defects, [])


def main():
    count = failed = 0
    for line in sys.stdin.buffer:
        went_in = json.loads(line)
        raw = sys.stdin.buffer.read(went_in["octets"])
        try:
            check_bytes(raw)
            mail = email.message_from_bytes(raw, policy=email.policy.default)
            check_headers(mail, email.message_from_bytes(raw), went_in)
            check_parts(mail, went_in)
        except Exception as why:
            print(f"seed {went_in['seed']}: {why}", file=sys.stderr)
            failed += 1
        count += 1
    print(f"Python's email: {count - failed} of {count} mails as they went in")
    return failed > 0


sys.exit(main())
