/* SPDX-License-Identifier: MIT */
/*
 * preview_page - mails side by side, each in frames of the width of a phone and
 * of a desktop. The page has no script, and its policy lets it and the frames
 * load nothing: what a mail or a person's data holds can do no harm here.
 *
 * A frame shows a scheme, light or dark, whatever the browser prefers: in a
 * mail's media queries for it stands one instead that always or never holds.
 */
#include <string.h>
#include <strings.h>

#include "templates/html_escape.h"
#include "worker/commands/preview.h"

static const char page_head[] =
    "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width\">\n"
    "<meta name=\"referrer\" content=\"no-referrer\">\n"
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src "
    "'none'; "
    "style-src 'unsafe-inline'; img-src data:\">\n<style>\n"
    "*{box-sizing:border-box}\n"
    "body{margin:0;padding:0 28px 60px;background:#e9ecf1;color:#1c2430;"
    "font:15px/1.45 system-ui,-apple-system,'Segoe UI',Roboto,sans-serif}\n"
    "nav{position:sticky;top:0;z-index:1;display:flex;flex-wrap:wrap;gap:8px "
    "18px;align-items:baseline;margin:0 -28px;padding:12px "
    "28px;background:#fff;"
    "border-bottom:1px solid #d5dae2}\n"
    "nav b{margin-right:10px}\nnav a{color:#1d4ed8}\n"
    "section{padding-top:26px;scroll-margin-top:40px}\n"
    "h2{margin:0 0 12px;font-size:18px}\n"
    "h2 small{font-weight:400;color:#5a6572}\n"
    ".row{max-width:1424px;margin:0 0 22px;padding:12px 16px;background:#fff;"
    "border:1px solid #d5dae2;border-radius:8px;overflow:hidden}\n"
    ".row div{overflow:hidden;text-overflow:ellipsis;white-space:nowrap}\n"
    ".row i{font-style:normal;color:#5a6572}\n"
    ".views{display:flex;flex-wrap:wrap;gap:24px}\n"
    "figure{margin:0}\n"
    "figcaption{margin-bottom:6px;font-size:13px;color:#4a5460}\n"
    "iframe,pre{display:block;height:700px;border:1px solid #b9c1cc;"
    "border-radius:8px;background:#fff}\n"
    "iframe{resize:vertical}\n"
    ".Phone{width:377px;border-radius:18px}\n.Desktop{width:662px}\n"
    ".dark{background:#14171b}\n"
    "pre{width:622px;margin:0;padding:18px;overflow:auto;white-space:pre-wrap;"
    "overflow-wrap:anywhere;font:13px/1.5 "
    "ui-monospace,Menlo,Consolas,monospace}"
    "\n.error{max-width:1424px;padding:12px "
    "16px;background:#fdecea;color:#7f1d1d;"
    "border:1px solid #f0b4ae;border-radius:8px}\n"
    "footer{margin-top:34px;font-size:13px;color:#5a6572}\n"
    "</style>\n";

static const char page_foot[] =
    "<footer>Nothing is loaded from the network: an image shows the text that "
    "stands for it. Links lead nowhere.</footer>\n</body>\n</html>\n";

/* ---------------------------------------------------------------- frames */

/* Where the media feature at s ends and which scheme it is for; or NULL. */
static const char *
read_feature(const char *s, bool *is_dark)
{
	static const char name[] = "prefers-color-scheme";
	static const char blank[] = " \t\r\n";

	s += strspn(s, blank);
	if (strncasecmp(s, name, sizeof name - 1) != 0)
		return NULL;
	s += sizeof name - 1;
	s += strspn(s, blank);
	if (*s != ':')
		return NULL;
	s += 1 + strspn(s + 1, blank);
	*is_dark = strncasecmp(s, "dark", 4) == 0;
	if (!*is_dark && strncasecmp(s, "light", 5) != 0)
		return NULL;
	s += *is_dark ? 4 : 5;
	s += strspn(s, blank);
	return *s == ')' ? s + 1 : NULL;
}

static void
force_scheme(const char *html, bool dark, struct buf *out)
{
	const char *open, *end;
	bool is_dark;

	for (; (open = strchr(html, '(')) != NULL; html = end) {
		buf_add(out, html, (size_t)(open - html));
		end = read_feature(open + 1, &is_dark);
		if (end != NULL) {
			buf_adds(out, is_dark == dark ? "(min-width:0px)"
						      : "(max-width:0px)");
		} else {
			buf_addc(out, '(');
			end = open + 1;
		}
	}
	buf_adds(out, html);
}

/*
 * The mail as a frame's document. Links would open a window, and may not. A
 * mail without colours of its own for the dark stays as it is, as in most mail
 * programs.
 */
static void
add_frame(struct buf *out, const char *html, bool is_phone, bool dark)
{
	const char *device = is_phone ? "Phone" : "Desktop";
	const char *scheme = dark ? "dark" : "light";
	bool adapts = strstr(html, "color-scheme") != NULL;
	struct buf document = {0};

	force_scheme(html, dark, &document);
	buf_adds(&document, "<base target=\"_blank\">");
	if (adapts)
		buf_addf(&document,
		    "<style>:root{color-scheme:only %s!important}</style>",
		    scheme);
	buf_addf(out,
	    "<figure><figcaption>%s, %s%s</figcaption>\n<iframe class=\"%s "
	    "%s\" "
	    "sandbox title=\"%s, %s\" srcdoc=\"",
	    device, scheme,
	    dark && !adapts ? " (the mail has no colours for it)" : "", device,
	    adapts ? scheme : "", device, scheme);
	html_escape(out, buf_str(&document));
	buf_adds(out, "\"></iframe></figure>\n");
	buf_free(&document);
}

static void
add_plain(struct buf *out, const char *title, const char *text)
{
	buf_addf(out, "<figure><figcaption>%s</figcaption>\n<pre>", title);
	html_escape(out, text);
	buf_adds(out, "</pre></figure>\n");
}

/* --------------------------------------------------------------- sections */

/* As a list of mails shows it. */
static void
add_inbox_row(struct buf *out, const struct previewer *p, const struct email *m)
{
	const char *from = m->from.len > 0
			       ? m->from.data
			       : p->workspace->settings->sender.name;

	buf_adds(out, "<div class=\"row\"><b>");
	html_escape(out, from);
	buf_adds(out, "</b><div><b>");
	html_escape(out, buf_str(&m->subject));
	buf_adds(out, "</b> <i>");
	html_escape(out, buf_str(&m->preheader));
	buf_adds(out, "</i></div></div>\n");
}

static void
add_mail(struct buf *out, const struct previewer *p, const struct email *m)
{
	const char *html = buf_str(&m->html);

	add_inbox_row(out, p, m);
	buf_adds(out, "<div class=\"views\">\n");
	add_frame(out, html, true, false);
	add_frame(out, html, true, true);
	add_plain(out, "Text part", buf_str(&m->text));
	add_frame(out, html, false, false);
	add_frame(out, html, false, true);
	buf_adds(out, "</div>\n");
}

static void
add_section(
    struct buf *out, const struct previewer *p, const struct preview *v, int i)
{
	char failure[800];

	buf_addf(out, "<section id=\"v%d\">\n<h2>", i);
	html_escape(out, v->who);
	buf_adds(out, " <small>");
	html_escape(out, template_info(v->template)->file);
	buf_adds(out, "</small></h2>\n");
	if (v->result != 0) {
		buf_adds(out, "<p class=\"error\">");
		html_escape(out, preview_failure(v, failure, sizeof failure));
		buf_adds(out, "</p>\n");
	} else if (template_info(v->template)->kind == TEMPLATE_EMAIL) {
		add_mail(out, p, &v->mail);
	} else {
		add_plain(out, "Document", buf_str(&v->document));
	}
	buf_adds(out, "</section>\n");
}

void
preview_page(const struct previewer *p, const struct preview *list, int n,
    struct buf *out)
{
	const char *name = template_info(list[0].template)->name;

	buf_adds(out, page_head);
	buf_adds(out, "<title>");
	html_escape(out, name);
	buf_adds(out, "</title>\n</head>\n<body>\n<nav><b>");
	html_escape(out, name);
	buf_adds(out, "</b>");
	for (int i = 0; i < n; i++) {
		const struct template_info *info =
		    template_info(list[i].template);

		buf_addf(out, " <a href=\"#v%d\">", i);
		if (info->locale[0] != '\0')
			buf_addf(out, "%s: ", info->locale);
		html_escape(out, list[i].who);
		buf_adds(out, "</a>");
	}
	buf_adds(out, "</nav>\n");
	for (int i = 0; i < n; i++)
		add_section(out, p, &list[i], i);
	buf_adds(out, page_foot);
}
