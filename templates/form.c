/* SPDX-License-Identifier: MIT */
/* form - fields by percent-encoding all that is not unreserved (RFC 3986). */
#include <string.h>

#include <jansson.h>

#include "templates/form.h"
#include "templates/json_text.h"

static void
add_encoded(struct buf *out, const char *s, size_t len)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "abcdefghijklmnopqrstuvwxyz0123456789-._~";

	for (size_t i = 0; i < len; i++)
		if (s[i] != '\0' && strchr(plain, s[i]) != NULL)
			buf_addc(out, s[i]);
		else
			buf_addf(out, "%%%02X", (unsigned char)s[i]);
}

static int
add_field(struct buf *out, const char *name, const json_t *value)
{
	struct buf text = {0};

	if (json_is_null(value))
		return 0;
	if (json_is_object(value) || json_is_array(value))
		return -1;
	if (out->len > 0)
		buf_addc(out, '&');
	add_encoded(out, name, strlen(name));
	buf_addc(out, '=');
	if (json_is_string(value))
		buf_add(
		    &text, json_string_value(value), json_string_length(value));
	else
		json_text_write(value, &text);
	add_encoded(out, buf_str(&text), text.len);
	buf_free(&text);
	return 0;
}

static int
add_member(struct buf *out, const char *name, const json_t *value)
{
	int rc = 0;

	if (!json_is_array(value))
		return add_field(out, name, value);
	for (size_t i = 0; rc == 0 && i < json_array_size(value); i++)
		rc = add_field(out, name, json_array_get(value, i));
	return rc;
}

int
form_from_json(const char *json, size_t len, struct buf *out, struct error *e)
{
	json_t *root = json_text_read(json, len), *value;
	const char *name;
	int rc = 0;

	error_set(e, "a form is an object with a member for each field");
	if (!json_is_object(root))
		rc = -1;
	json_object_foreach(root, name, value)
	{
		if (rc != 0)
			break;
		rc = add_member(out, name, value);
		if (rc != 0)
			error_set(e,
			    "the field \"%.60s\" of a form is a text, a "
			    "number or a list of them",
			    name);
	}
	json_decref(root);
	return rc == 0 && out->len == 0 ? -1 : rc;
}
