/* SPDX-License-Identifier: MIT */
/*
 * address - what may stand in MAIL FROM, RCPT TO and the headers. Strict on
 * purpose: what is refused here cannot smuggle a second recipient or a header.
 */
#include <arpa/inet.h>
#include <idn2.h>
#include <string.h>

#include "templates/mail/mime.h"
#include "templates/utf8.h"

#define LOCAL_MAX   64	/* RFC 5321 section 4.5.3.1.1 */
#define DOMAIN_MAX  255 /* 4.5.3.1.2 */
#define LABEL_MAX   63
#define ADDRESS_MAX 254 /* a path of 256 without its brackets */

static bool
is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9');
}

/* RFC 5322 section 3.2.3; RFC 6532 section 3.2 adds all beyond ASCII. */
static bool
is_atext(const char *c)
{
	static const char c1_control[] = "\xc2\x9f";

	if ((unsigned char)*c >= 0x80)
		return (unsigned char)*c != (unsigned char)c1_control[0] ||
		       (unsigned char)c[1] > (unsigned char)c1_control[1];
	return is_alnum(*c) ||
	       (*c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", *c) != NULL);
}

/* RFC 5321 section 4.1.2: Dot-string */
static bool
is_local_part(const char *s, size_t len)
{
	char before = '.';

	if (len == 0 || len > LOCAL_MAX || s[len - 1] == '.' ||
	    !utf8_is_valid(s, len))
		return false;
	for (size_t i = 0; i < len; before = s[i++])
		if (s[i] == '.' ? before == '.' : !is_atext(&s[i]))
			return false;
	return true;
}

static bool
is_label(const char *s, size_t len)
{
	if (len == 0 || len > LABEL_MAX || s[0] == '-' || s[len - 1] == '-')
		return false;
	for (size_t i = 0; i < len; i++)
		if (!is_alnum(s[i]) && s[i] != '-')
			return false;
	return true;
}

static bool
is_domain(const char *s)
{
	int labels = 0;

	if (strlen(s) > DOMAIN_MAX)
		return false;
	for (;; s++) {
		size_t len = strcspn(s, ".");

		if (!is_label(s, len))
			return false;
		labels++;
		s += len;
		if (*s == '\0')
			return labels > 1;
	}
}

/* "[192.0.2.1]" or "[IPv6:2001:db8::1]" */
static bool
is_address_literal(const char *s)
{
	char text[INET6_ADDRSTRLEN + 1], address[16];
	bool is_six = strncmp(s, "[IPv6:", 6) == 0;
	size_t len;

	s += is_six ? 6 : 1;
	len = strcspn(s, "]");
	if (strcmp(s + len, "]") != 0 || len >= sizeof text)
		return false;
	memcpy(text, s, len);
	text[len] = '\0';
	return inet_pton(is_six ? AF_INET6 : AF_INET, text, address) == 1;
}

bool
address_is_valid(const char *address)
{
	const char *at = strrchr(address, '@');

	return at != NULL && strlen(address) <= ADDRESS_MAX &&
	       is_local_part(address, (size_t)(at - address)) &&
	       (at[1] == '[' ? is_address_literal(at + 1) : is_domain(at + 1));
}

bool
address_is_ascii(const char *s)
{
	while (*s != '\0')
		if ((unsigned char)*s++ >= 0x80)
			return false;
	return true;
}

int
address_to_ascii(const char *address, struct buf *out, struct error *e)
{
	const char *at = strrchr(address, '@');
	size_t before = out->len;
	char *domain = NULL;

	if (at == NULL || address_is_ascii(at)) {
		buf_adds(out, address);
	} else if (idn2_to_ascii_8z(at + 1, &domain,
		       IDN2_NONTRANSITIONAL | IDN2_NFC_INPUT) == IDN2_OK) {
		buf_add(out, address, (size_t)(at + 1 - address));
		buf_adds(out, domain);
		idn2_free(domain);
	}
	if (address_is_valid(buf_str(out) + before))
		return 0;
	buf_truncate(out, before);
	error_set(e, "\"%.254s\" is not a mail address", address);
	return -1;
}

static void
add_trimmed(struct buf *out, const char *s, size_t len)
{
	while (len > 0 && *s == ' ')
		s++, len--;
	while (len > 0 && s[len - 1] == ' ')
		len--;
	buf_add(out, s, len);
}

/* A display name without its quotes. */
static void
add_name(struct buf *out, const char *s, size_t len)
{
	struct buf name = {0};

	add_trimmed(&name, s, len);
	s = buf_str(&name);
	if (name.len >= 2 && s[0] == '"' && s[name.len - 1] == '"') {
		for (size_t i = 1; i < name.len - 1; i++) {
			if (i < name.len - 2 && s[i] == '\\')
				i++;
			buf_addc(out, s[i]);
		}
	} else {
		buf_add(out, s, name.len);
	}
	buf_free(&name);
}

int
mailbox_parse(const char *text, struct buf *name, struct buf *address)
{
	size_t len = strlen(text);
	const char *open;

	while (len > 0 && text[len - 1] == ' ')
		len--;
	if (len > 0 && text[len - 1] == '>') {
		open = memrchr(text, '<', len);
		if (open == NULL)
			return -1;
		add_name(name, text, (size_t)(open - text));
		add_trimmed(
		    address, open + 1, (size_t)(text + len - 1 - (open + 1)));
	} else if (memchr(text, '@', len) != NULL) {
		add_trimmed(address, text, len);
	} else {
		add_name(name, text, len);
	}
	return strpbrk(buf_str(address), " ,<>") == NULL ? 0 : -1;
}
