/* SPDX-License-Identifier: MIT */
/* locale - the table. Sources: CLDR 42 for names and numbers, ISO 4217. */
#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "templates/locale.h"

#define NBSP  "\xc2\xa0"     /* U+00A0 */
#define NNBSP "\xe2\x80\xaf" /* U+202F */

static const struct locale_names english = {
    {"January", "February", "March", "April", "May", "June", "July", "August",
	"September", "October", "November", "December"},
    {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct",
	"Nov", "Dec"},
    {"Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday",
	"Sunday"},
    {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"}, "and"};

static const struct locale_names german = {
    {"Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August",
	"September", "Oktober", "November", "Dezember"},
    {"Jan.", "Feb.", "März", "Apr.", "Mai", "Juni", "Juli", "Aug.", "Sept.",
	"Okt.", "Nov.", "Dez."},
    {"Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag",
	"Sonntag"},
    {"Mo.", "Di.", "Mi.", "Do.", "Fr.", "Sa.", "So."}, "und"};

static const struct locale_names french = {
    {"janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août",
	"septembre", "octobre", "novembre", "décembre"},
    {"janv.", "févr.", "mars", "avr.", "mai", "juin", "juil.", "août", "sept.",
	"oct.", "nov.", "déc."},
    {"lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"},
    {"lun.", "mar.", "mer.", "jeu.", "ven.", "sam.", "dim."}, "et"};

static const struct locale_names spanish = {
    {"enero", "febrero", "marzo", "abril", "mayo", "junio", "julio", "agosto",
	"septiembre", "octubre", "noviembre", "diciembre"},
    {"ene", "feb", "mar", "abr", "may", "jun", "jul", "ago", "sept", "oct",
	"nov", "dic"},
    {"lunes", "martes", "miércoles", "jueves", "viernes", "sábado", "domingo"},
    {"lun", "mar", "mié", "jue", "vie", "sáb", "dom"}, "y"};

static const struct locale_names italian = {
    {"gennaio", "febbraio", "marzo", "aprile", "maggio", "giugno", "luglio",
	"agosto", "settembre", "ottobre", "novembre", "dicembre"},
    {"gen", "feb", "mar", "apr", "mag", "giu", "lug", "ago", "set", "ott",
	"nov", "dic"},
    {"lunedì", "martedì", "mercoledì", "giovedì", "venerdì", "sabato",
	"domenica"},
    {"lun", "mar", "mer", "gio", "ven", "sab", "dom"}, "e"};

static const struct locale_names portuguese = {
    {"janeiro", "fevereiro", "março", "abril", "maio", "junho", "julho",
	"agosto", "setembro", "outubro", "novembro", "dezembro"},
    {"jan.", "fev.", "mar.", "abr.", "mai.", "jun.", "jul.", "ago.", "set.",
	"out.", "nov.", "dez."},
    {"segunda-feira", "terça-feira", "quarta-feira", "quinta-feira",
	"sexta-feira", "sábado", "domingo"},
    {"seg.", "ter.", "qua.", "qui.", "sex.", "sáb.", "dom."}, "e"};

static const struct locale_names dutch = {
    {"januari", "februari", "maart", "april", "mei", "juni", "juli", "augustus",
	"september", "oktober", "november", "december"},
    {"jan", "feb", "mrt", "apr", "mei", "jun", "jul", "aug", "sep", "okt",
	"nov", "dec"},
    {"maandag", "dinsdag", "woensdag", "donderdag", "vrijdag", "zaterdag",
	"zondag"},
    {"ma", "di", "wo", "do", "vr", "za", "zo"}, "en"};

/* English first; a region stands behind its language. */
static const struct locale locales[] = {
    {"en", &english, ".", ",", 4, true, ""},
    {"de", &german, ",", ".", 4, false, NBSP},
    {"de-CH", &german, ".", "’", 4, true, NBSP},
    {"fr", &french, ",", NNBSP, 4, false, NBSP},
    {"fr-CA", &french, ",", NBSP, 4, false, NBSP},
    {"es", &spanish, ",", ".", 5, false, NBSP},
    {"es-MX", &spanish, ".", ",", 4, true, ""},
    {"es-US", &spanish, ".", ",", 4, true, ""},
    {"it", &italian, ",", ".", 4, false, NBSP},
    {"it-CH", &italian, ".", "’", 4, true, NBSP},
    {"pt", &portuguese, ",", ".", 4, true, NBSP},
    {"pt-PT", &portuguese, ",", NBSP, 5, false, NBSP},
    {"nl", &dutch, ",", ".", 4, true, NBSP},
};

/* Does the tag begin with this one, and end there or go on to a subtag? */
static bool
is_part(const char *known, const char *tag)
{
	for (; *known != '\0'; known++, tag++)
		if (*known != '-' ? strncasecmp(known, tag, 1) != 0
				  : *tag != '-' && *tag != '_')
			return false;
	return *tag == '\0' || strchr("-_.@", *tag) != NULL;
}

const struct locale *
locale_find(const char *tag)
{
	const struct locale *found = locales;

	for (size_t i = 0; tag != NULL && i < sizeof locales / sizeof *locales;
	     i++)
		if (is_part(locales[i].tag, tag))
			found = &locales[i];
	return found;
}

static const struct locale_currency currencies[] = {{"USD", "$", 2},
    {"EUR", "€", 2}, {"GBP", "£", 2}, {"JPY", "¥", 0}, {"AUD", "A$", 2},
    {"BRL", "R$", 2}, {"CAD", "CA$", 2}, {"CHF", "CHF", 2}, {"CLP", "CLP", 0},
    {"CNY", "CN¥", 2}, {"CZK", "CZK", 2}, {"DKK", "DKK", 2}, {"HKD", "HK$", 2},
    {"HUF", "HUF", 2}, {"ILS", "₪", 2}, {"INR", "₹", 2}, {"ISK", "ISK", 0},
    {"KRW", "₩", 0}, {"MXN", "MX$", 2}, {"NOK", "NOK", 2}, {"NZD", "NZ$", 2},
    {"PLN", "PLN", 2}, {"RON", "RON", 2}, {"SEK", "SEK", 2}, {"SGD", "SGD", 2},
    {"THB", "THB", 2}, {"TRY", "TRY", 2}, {"TWD", "NT$", 2}, {"UAH", "UAH", 2},
    {"VND", "₫", 0}, {"ZAR", "ZAR", 2}};

const struct locale_currency *
locale_currency(const char *code)
{
	for (size_t i = 0; i < sizeof currencies / sizeof *currencies; i++)
		if (strcmp(currencies[i].code, code) == 0)
			return &currencies[i];
	return NULL;
}
