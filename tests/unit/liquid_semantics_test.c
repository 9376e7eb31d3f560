/* SPDX-License-Identifier: MIT */
/*
 * What Shopify's Liquid 5.13 does, a test for each thing that is easily done
 * otherwise: truth, comparisons, lookups, numbers, filters, dates, variables,
 * loops, blocks, white space, partials. Nothing is escaped here.
 */
#include "tests/unit/liquid_fixture.h"

static const char DATA[] =
    "{\"list\": [1, 2, 3], \"nested\": [1, [2, [3]], \"x\"], \"none\": null,"
    " \"h\": {\"a\": 1, \"b\": \"two\", \"size\": 99},"
    " \"pair\": {\"x\": 1, \"y\": null}, \"word\": \"h\\u00e9llo\","
    " \"people\": [{\"n\": \"Bo\", \"age\": 3, \"on\": true},"
    "  {\"n\": \"al\", \"age\": null}, {\"n\": \"Cy\", \"age\": 1, \"on\": "
    "false}],"
    " \"html\": \"<script>a</script>b<!-- c --><style>d</style><i>e</i>\","
    " \"product\": [\"p1\", \"p2\"], \"key\": \"a\", \"five\": 5.0,"
    " \"date\": \"2026-03-27T09:30:00+02:00\"}";

static const char *
partial(void *arg, const char *name, size_t *len)
{
	static const struct row partials[] = {
	    {"show", "[{{ a }}{{ b }}]"},
	    {"show_key", "{{ key }}{{ local }}"},
	    {"item", "{{ item }}{{ forloop.index }}{{ forloop.last }} "},
	    {"sets", "{% assign made = 'yes' %}"},
	    {"breaks", "{% break %}"},
	    {"parent", "{% for i in (1..1) %}{{ forloop.parentloop }}{% endfor "
		       "%}"},
	    {"cycles", "{% cycle 'a', 'b' %}"},
	    {"counts", "{% increment n %}"},
	    {"includes", "{% include 'show' %}"},
	};

	for (size_t i = 0; i < sizeof partials / sizeof *partials; i++)
		if (strcmp(partials[i].source, name) == 0) {
			*len = strlen(partials[i].result);
			return partials[i].result;
		}
	return NULL;
}

#define IF(condition) "{% if " condition " %}y{% else %}n{% endif %}"

static void
truth(void **state)
{
	static const struct row rows[] = {
	    {IF("nil"), "n"},
	    {IF("false"), "n"},
	    {IF("''"), "y"},
	    {IF("0"), "y"},
	    {IF("missing"), "n"},
	    {"{{ none | default: 1 }}{{ false | default: 1 }}"
	     "{{ '' | default: 1 }}",
		"111"},
	    {"{{ '  ' | default: 1 }}{{ 0 | default: 1 }}", "  0"},
	    {"{{ false | default: 1, allow_false: true }}", "false"},
	    {"{{ nil | default: 1, allow_false: true }}", "1"},
	    {"{{ '' | split: ',' | default: 'empty' }}", "empty"},
	};

	CHECK(LIQUID_VERBATIM, rows);
}

static void
empty_and_blank(void **state)
{
	static const struct row rows[] = {
	    {IF("'' == empty"), "y"},
	    {IF("none == empty"), "n"},
	    {IF("none == blank"), "y"},
	    {IF("false == blank"), "y"},
	    {IF("' \t\n' == blank"), "y"},
	    {IF("0 == blank"), "n"},
	    {IF("list != empty"), "y"},
	    {"{{ empty }}|{{ empty | size }}|{{ empty | append: 'x' }}",
		"|0|x"},
	    {"{{ empty.x }}", ""},
	    {"{% case '' %}{% when empty %}y{% endcase %}", "y"},
	};

	CHECK(LIQUID_VERBATIM, rows);
}

static void
conditions(void **state)
{
	static const struct row rows[] = {
	    {IF("true or false and false"), "y"},
	    {IF("false and false or true"), "n"},
	    {IF("1 == 1.0"), "y"},
	    {"{% assign l = '1' | append: ',1' | split: ',' | concat: list | "
	     "uniq %}{{ l.size }}",
		"4"},
	    {"{% assign a = 1 | sort | concat: list %}{% assign b = 1.0 | sort "
	     "| concat: a | uniq %}{{ b | join: ' ' }}",
		"1.0 1 2 3"},
	    {IF("'1' == 1"), "n"},
	    {IF("none < 1"), "n"},
	    {IF("none > 1"), "n"},
	    {IF("1 <> 2"), "y"},
	    {IF("'abc' contains 'b'"), "y"},
	    {IF("'a1c' contains 1"), "y"},
	    {IF("list contains '2'"), "n"},
	    {IF("list contains 2"), "y"},
	    {IF("h contains 'b'"), "y"},
	    {IF("none contains 'b'"), "n"},
	};
	static const struct row errors[] = {
	    {IF("'a' < 1"), "cannot be compared"},
	    {IF("s contains'b'"), "unexpected 'contains'"},
	    {IF("s and contains ['b']"), "not 'contains'"},
	    {IF("not true"), "no `not`"},
	    {IF("(true and false) or true"), "no parentheses"},
	    {"{{ 1 == 1 }}", "unexpected"},
	};

	CHECK(LIQUID_VERBATIM, rows);
	CHECK_ERRORS(LIQUID_VERBATIM, errors);
}

static void
output(void **state)
{
	static const struct row rows[] = {
	    {"[{{ none }}{{ missing }}]", "[]"},
	    {"{{ nested }}", "123x"},
	    {"{{ (1..4) }}", "1..4"},
	    {"{{ pair }}", "{\"x\"=>1, \"y\"=>nil}"},
	    {"{{ five }} {{ 12345678901234.5 }} {{ 1234567890123456.0 }}",
		"5.0 12345678901234.5 1.234567890123456e+15"},
	    {"{{ nested | upcase }}", "[1, [2, [3]], \"X\"]"},
	    {"{{ list | append: '!' }}", "[1, 2, 3]!"},
	};

	CHECK(LIQUID_VERBATIM, rows);
}

static void
lookups_in_values(void **state)
{
	static const struct row rows[] = {
	    {"{{ list.size }}{{ list.first }}{{ list.last }}", "313"},
	    {"{{ h.size }} {{ pair.size }} {{ pair.first }}", "99 2 x1"},
	    {"{{ list[-1] }}[{{ list['0'] }}][{{ list[5] }}]", "3[][]"},
	    {"[{{ list['size'] }}][{{ pair['first'] }}]", "[][]"},
	    {"{{ h['size'] }}{{ h[key] }}{{ ['key'] }}", "991a"},
	    {"{{ word.size }}{{ word | size }}", "55"},
	    {"{{ 7 | size }}{{ 7.5 | size }}{{ none | size }}", "800"},
	    {"{% assign r = (2..9) %}{{ r.first }}{{ r.last }}{{ r.size }}",
		"298"},
	};

	CHECK(LIQUID_VERBATIM, rows);
}

static void
numbers(void **state)
{
	static const struct row rows[] = {
	    {"{{ '3abc' | plus: 0 }} {{ '1e3' | plus: 0 }} "
	     "{{ '.5' | plus: 0 }} {{ '3.5' | plus: 0 }} {{ true | plus: 0 }}",
		"3 1 0 3.5 0"},
	    {"{{ 1.1 | times: 3 }} {{ 0.3 | minus: 0.1 }}", "3.3 0.2"},
	    {"{{ 3.14159 | divided_by: 3 }}", "1.0471966666666668"},
	    {"{{ -7 | divided_by: 2 }} {{ 10 | divided_by: 4 }} "
	     "{{ 10 | divided_by: 4.0 }}",
		"-4 2 2.5"},
	    {"{{ -7 | modulo: 3 }} {{ 7 | modulo: -3 }}", "2 -2"},
	    {"{{ 1 | divided_by: 0.0 }}", "Infinity"},
	    {"{{ 9223372036854775807 | plus: 1 }} "
	     "{{ -9223372036854775808 | minus: 1 }} "
	     "{{ 9223372036854775807 | times: 1000000000 }}",
		"9223372036854775808 -9223372036854775809 "
		"9223372036854775807000000000"},
	    {"{{ 9223372036854775808 | minus: 1 }} "
	     "{{ '9223372036854775808' | plus: 1 }} "
	     "{{ 9223372036854775808 | divided_by: -7 }} "
	     "{{ -9223372036854775809 | modulo: 1000 }}",
		"9223372036854775807 9223372036854775809 "
		"-1317624576693539402 191"},
	    {"{{ 9223372036854775808 | times: 0.5 }} "
	     "{{ -9223372036854775809 | abs }} "
	     "{{ 5 | at_most: 9223372036854775808 }} "
	     "{{ 100000000000000000000.5 | ceil }} "
	     "{{ 9223372036854775808 | append: 'x' }}",
		"4.611686018427388e+18 9223372036854775809 5 "
		"100000000000000000000 9223372036854775808x"},
	    {"{% if 9223372036854775808 > 9223372036854775807 and "
	     "18446744073709551616 != 18446744073709551617 %}yes{% endif %} "
	     "{{ 18446744073709551616 | size }}{{ 9223372036854775808 | size "
	     "}}",
		"yes 168"},
	    {"{{ 2.5 | round }} {{ -2.5 | round }} {{ 1.005 | round: 2 }} "
	     "{{ 183.357 | round: -1 }}",
		"3 -3 1.01 180"},
	    {"{{ 4.1 | ceil }} {{ -4.1 | ceil }} {{ -4.1 | floor }}",
		"5 -4 -5"},
	    {"{{ 9223372036854775806 | plus: 1 }}", "9223372036854775807"},
	};
	static const struct row errors[] = {
	    {"{{ 1 | divided_by: 0 }}", "divided by 0"},
	    {"{{ 1.5 | modulo: 0 }}", "divided by 0"},
	    {"{{ 39999999999999999999999999999 | times: 9 }}", "too large"},
	    {"{{ 99999999999999999999999999999 }}", "too large"},
	    {"{{ 1 | divided_by: 0.0 | round }}", "rounded"},
	};

	CHECK(LIQUID_VERBATIM, rows);
	CHECK_ERRORS(LIQUID_VERBATIM, errors);
}

static void
filters(void **state)
{
	static const struct row rows[] = {
	    {"{{ nested | join: '-' }}", "1-2-3-x"},
	    {"{{ pair | map: 'x' }}{{ 'a' | join }}", "1a"},
	    {"{{ people | where: 'on' | map: 'n' }}", "Bo"},
	    {"{{ people | where: 'age', 1 | map: 'n' }}", "Cy"},
	    {"{{ people | reject: 'on' | map: 'n' | join }}", "al Cy"},
	    {"{% assign p = people | find: 'n', 'Cy' %}{{ p.age }}", "1"},
	    {"{{ people | find_index: 'n', 'al' }}", "1"},
	    {"{{ people | has: 'age', 9 }}{{ people | has: 'on' }}",
		"falsetrue"},
	    {"{{ people | sum: 'age' }}", "4"},
	    {"{{ 'abc,b' | split: ',' | where: 'b' | size }}", "2"},
	    {"{{ people | sort: 'age' | map: 'n' | join }}", "Cy Bo al"},
	    {"{{ people | sort_natural: 'n' | map: 'n' | join }}", "al Bo Cy"},
	    {"{{ 'a,b,,' | split: ',' | size }}{{ ' a  b ' | split: ' ' "
	     "| size }}{{ 'héé' | split: '' | size }}",
		"223"},
	    {"{{ 'ab' | replace: '', '-' }}", "-a-b-"},
	    {"{{ word | slice: -3, 2 }}{{ word | slice: 9 }}", "ll"},
	    {"{{ word | truncate: 4 }} {{ word | truncate: 3, '…' }}",
		"h... hé…"},
	    {"{{ 'a b c' | truncatewords: 2 }}{{ 'a b ' | truncatewords: 2 }}",
		"a b...a b..."},
	    {"{{ html | strip_html }}", "be"},
	    {"{{ 'a b&é!' | url_encode }}", "a+b%26%C3%A9%21"},
	    {"{{ '\"' | escape }}{{ \"'\" | escape }}", "&quot;&#39;"},
	    {"{{ '&lt; & <' | escape_once }}", "&lt; &amp; &lt;"},
	    {"{{ list | concat: nested | size }}", "6"},
	    {"{{ 'a' | times: 'b' | plus: 2 | append: '.' | size }}", "2"},
	};
	static const struct row errors[] = {
	    {"{{ '1,a' | split: ',' | concat: list | sort }}", "sorted"},
	    {"{{ list | concat: 'x' }}", "takes an array"},
	    {"{{ list | concat: (1..2) }}", "takes an array"},
	    {"{{ list | map: 'x' }}", "asked of a number"},
	    {"{{ 'x' | default: 1, 2, allow_false: true }}", "takes 0 to 1"},
	    {"{{ 'x' | default: 1, allow: true }}", "no argument named"},
	};

	CHECK(LIQUID_VERBATIM, rows);
	CHECK_ERRORS(LIQUID_VERBATIM, errors);
}

static void
dates(void **state)
{
	static const struct row rows[] = {
	    {"{{ date | date: '%H:%M %z' }}", "09:30 +0200"},
	    {"{{ 1152098955 | date: '%F %T' }}", "2006-07-05 11:29:15"},
	    {"{{ '1152098955' | date: '%F' }}", "2006-07-05"},
	    {"{{ 'now' | date: '%F' }}{{ 'today' | date: '%F' }}",
		"2026-03-272026-03-27"},
	    {"{{ 'March 14, 2016' | date: '%b %d, %y' }}", "Mar 14, 16"},
	    {"{{ 'Fri, 27 Mar 2026 10:00:00 +0100' | date: '%R %:z' }}",
		"10:00 +01:00"},
	    {"{{ 'not a date' | date: '%F' }}", "not a date"},
	    {"{{ date | date: '' }}", "2026-03-27T09:30:00+02:00"},
	    {"{{ none | date: '%F' }}", ""},
	    {"{{ '2026-01-04 05:06:07.089' | date: "
	     "'%-d %e %^a %P %s %L %N %j %U %G-%V' }}",
		"4  4 SUN am 1767503167 089 089000000 004 01 2026-01"},
	};

	CHECK(LIQUID_VERBATIM, rows);
}

static void
variables(void **state)
{
	static const struct row rows[] = {
	    {"{% for i in list %}{% assign last = i %}{% endfor %}"
	     "{{ last }}{{ i }}{{ forloop }}",
		"3"},
	    {"{% for i in list %}{% capture c %}{{ i }}!{% endcapture %}"
	     "{% endfor %}{{ c }}",
		"3!"},
	    {"{% increment c %}{% increment c %}{% decrement c %}{{ c }}",
		"0111"},
	    {"{% increment c %}{% assign c = 9 %}{{ c }}{% increment c %}",
		"091"},
	    {"{% decrement d %}{% decrement d %}", "-1-2"},
	};

	CHECK(LIQUID_VERBATIM, rows);
}

static void
loops(void **state)
{
	static const struct row rows[] = {
	    {"{% for p in pair %}{{ p[0] }}={{ p[1] }};{% endfor %}",
		"x=1;y=;"},
	    {"{% for c in word %}{{ c }}.{% endfor %}", "héllo."},
	    {"{% for i in 5 %}x{% else %}none{% endfor %}", "none"},
	    {"{% for i in list limit: 0 %}x{% else %}none{% endfor %}", "none"},
	    {"{% for i in list reversed limit: 2, offset: 1, %}{{ i }}"
	     "{% endfor %}",
		"32"},
	    {"{% for i in list limit: 2 %}{{ i }}{% endfor %}-"
	     "{% for i in list offset: continue %}{{ i }}{% endfor %}",
		"12-3"},
	    {"{% for i in list offset: -2 limit: 3 %}{{ i }}{% endfor %}", "1"},
	    {"{% for i in list limit: 2 %}{{ forloop.length }}"
	     "{{ forloop.rindex0 }}{{ forloop.parentloop }}{% endfor %}",
		"2120"},
	    {"{% for i in list %}{% for j in list %}"
	     "{{ forloop.parentloop.index }}{% break %}{% endfor %}{% endfor "
	     "%}",
		"123"},
	    {"{% for i in list %}{% if i == 2 %}{% continue %}{% endif %}"
	     "{{ i }}{% endfor %}",
		"13"},
	    {"a{% break %}b", "a"},
	    {"{% for i in list %}{% include 'breaks' %}x{% endfor %}y", "y"},
	    {"{% for i in list %}{% render 'breaks' %}x{% endfor %}", "xxx"},
	    {"{% for i in (1..'3abc') %}{{ i }}{% endfor %}", "123"},
	    {"{% tablerow i in list cols: 2 %}{{ i }}{% break %}{% endtablerow "
	     "%}",
		"<tr class=\"row1\">\n<td class=\"col1\">1</td></tr>\n"},
	    {"{% tablerow i in list cols: '2' %}{{ i }}{% endtablerow %}",
		"<tr class=\"row1\">\n<td class=\"col1\">1</td><td "
		"class=\"col2\">2</td></tr>\n<tr class=\"row2\"><td "
		"class=\"col1\">3</td></tr>\n"},
	    {"{% tablerow i in missing.x %}x{% endtablerow %}", ""},
	    {"{% assign e = '' | split: ',' %}{% tablerow i in e %}"
	     "{% endtablerow %}",
		"<tr class=\"row1\">\n</tr>\n"},
	};
	static const struct row errors[] = {
	    {"{% for i in list limit: 2 reversed %}{% endfor %}", "unexpected"},
	    {"{% for i in list limit: 'x' %}{% endfor %}", "whole number"},
	};

	CHECK(LIQUID_VERBATIM, rows);
	CHECK_ERRORS(LIQUID_VERBATIM, errors);
}

static void
cycles_and_cases(void **state)
{
	static const struct row rows[] = {
	    {"{% for i in list %}{% cycle 'a', 'b' %}{% endfor %}"
	     "{% cycle 'a', 'b' %}",
		"abab"},
	    {"{% cycle 'g': 1, 2 %}{% cycle 'g': 'x', 'y', 'z' %}", "1y"},
	    {"{% for i in list %}{% cycle key, i %}{% endfor %}", "a2a"},
	    {"{% cycle key, 1 %}{% cycle key, 1 %}", "aa"},
	    {"{% cycle 'a', 'b' %}{% include 'cycles' %}{% render 'cycles' %}",
		"aba"},
	    {"{% case 1 %}dropped{% when 1 %}a{% when 1, 1 %}b{% else %}c"
	     "{% endcase %}",
		"abb"},
	    {"{% case 3 %}{% when 1 or 2 %}a{% else %}c{% endcase %}", "c"},
	    {"{% case x %}{% when nil %}a{% assign x = 1 %}{% when 1 %}b"
	     "{% endcase %}",
		"ab"},
	    {"{% for i in list %}{% ifchanged %}{{ key }}{% endifchanged %}"
	     "{% endfor %}",
		"a"},
	};

	CHECK(LIQUID_VERBATIM, rows);
}

static void
white_space(void **state)
{
	static const struct row rows[] = {
	    {"{% if true %} {% assign q = 1 %} {% endif %}", ""},
	    {"{% for i in list %} \n{% assign q = 1 %}{% endfor %}", ""},
	    {"{% if true %} {{ none }} {% endif %}", "  "},
	    {"a \n{{- 1 -}}\n\n b", "a1b"},
	    {"a {%- if true -%} b {%- endif -%} c", "abc"},
	    {"{% raw -%} {{ x }} {%- endraw %}", " {{ x }} "},
	    {"{% comment %}{% if %}{{ {% endcomment %}x", "x"},
	    {"{% # a\n  # b %}x{% liquid\n  assign z = 2\n  echo z\n%}", "x2"},
	};

	CHECK(LIQUID_VERBATIM, rows);
}

static void
partials_have_scopes(void **state)
{
	static const struct row rows[] = {
	    {"{% assign local = 'no' %}{% render 'show_key' %}", "a"},
	    {"{% assign local = 'yes' %}{% include 'show_key' %}", "ayes"},
	    {"{% render 'show', a: 1, b: key %}", "[1a]"},
	    {"{% render 'show' with key as a, a: 2 %}", "[a]"},
	    {"{% render 'show' with none as a, a: 2 %}", "[2]"},
	    {"{% render 'item' for list %}", "11false 22false 33true "},
	    {"{% render 'item' with list %}", "123 "},
	    {"{% include 'item' for list %}", "1 2 3 "},
	    {"{% render 'sets' %}[{{ made }}]{% include 'sets' %}[{{ made }}]",
		"[][yes]"},
	    {"{% for x in list %}{% render 'parent' %}{% endfor %}", ""},
	    {"{% increment n %}{% include 'counts' %}{% render 'counts' %}",
		"010"},
	};
	static const struct row errors[] = {
	    {"{% render 'includes' %}", "use render"},
	    {"{% render key %}", "in quotes"},
	    {"{% if x %}", "never closed"},
	    {"{% nosuchtag %}", "no tag"},
	};

	CHECK(LIQUID_VERBATIM, rows);
	CHECK_ERRORS(LIQUID_VERBATIM, errors);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(truth),
	    cmocka_unit_test(empty_and_blank),
	    cmocka_unit_test(conditions),
	    cmocka_unit_test(output),
	    cmocka_unit_test(lookups_in_values),
	    cmocka_unit_test(numbers),
	    cmocka_unit_test(filters),
	    cmocka_unit_test(dates),
	    cmocka_unit_test(variables),
	    cmocka_unit_test(loops),
	    cmocka_unit_test(cycles_and_cases),
	    cmocka_unit_test(white_space),
	    cmocka_unit_test(partials_have_scopes),
	};
	int failed;

	undefined_is_nil = true;
	data = json_loads(DATA, 0, NULL);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	json_decref(data);
	buf_free(&out);
	return failed;
}
