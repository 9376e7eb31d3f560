/* SPDX-License-Identifier: MIT */
/*
 * completion - what shells need to complete our command line, written from the
 * same tables that read it.
 */
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "worker/commands/commands.h"

/* What comes behind the command's name. */
static const struct {
	const char *command, *words;
} arguments[] = {
    {"queue", "list show retry cancel"},
    {"channels", "list pause resume"},
    {"completion", "bash zsh"},
    {"preview", "$(_nudge_templates)"},
    {"send", "$(_nudge_templates)"},
};

static const char *
words_of(const struct command *c)
{
	for (size_t i = 0; i < sizeof arguments / sizeof arguments[0]; i++)
		if (strcmp(arguments[i].command, c->name) == 0)
			return arguments[i].words;
	return "";
}

static void
print_names(void)
{
	for (const struct command *const *c = commands; *c != NULL; c++)
		printf("%s%s", c == commands ? "" : " ", (*c)->name);
}

/* bash(1): programmable completion. */
static void
print_bash(void)
{
	printf(
	    "# bash completion for nudge\n"
	    "_nudge_templates() {\n"
	    "\tlocal i dir=.\n"
	    "\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
	    "\t\t[[ ${COMP_WORDS[i]} == -C ]] && dir=${COMP_WORDS[i+1]}\n"
	    "\tdone\n"
	    "\tlocal f\n"
	    "\tfor f in \"$dir\"/templates/*.md \"$dir\"/templates/*.json; do\n"
	    "\t\t[[ -e $f ]] && f=${f##*/} && echo \"${f%%.*}\"\n"
	    "\tdone\n"
	    "}\n"
	    "_nudge() {\n"
	    "\tlocal cur=${COMP_WORDS[COMP_CWORD]} "
	    "prev=${COMP_WORDS[COMP_CWORD-1]} command= words= i\n"
	    "\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
	    "\t\tcase ${COMP_WORDS[i]} in\n"
	    "\t\t-C) ((i++)) ;;\n"
	    "\t\t-*) ;;\n"
	    "\t\t*) command=${COMP_WORDS[i]}; break ;;\n"
	    "\t\tesac\n"
	    "\tdone\n"
	    "\tif [[ $prev == -C ]]; then\n"
	    "\t\tCOMPREPLY=($(compgen -d -- \"$cur\"))\n"
	    "\t\treturn\n"
	    "\tfi\n"
	    "\tcase $command in\n"
	    "\t\"\") words=\"");
	print_names();
	printf(" -C --help --version\" ;;\n\thelp) words=\"");
	print_names();
	printf(" settings\" ;;\n");
	for (const struct command *const *c = commands; *c != NULL; c++) {
		if (strcmp((*c)->name, "help") == 0)
			continue;
		printf("\t%s) words=\"%s", (*c)->name, words_of(*c));
		for (const struct option_spec *o = (*c)->options;
		     o->name != NULL; o++)
			printf(" --%s", o->name);
		printf(" -C --json --quiet --set --help\" ;;\n");
	}
	printf("\tesac\n"
	       "\tCOMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
	       "}\n"
	       "complete -o bashdefault -o default -F _nudge nudge\n");
}

/* Help as it stands between brackets of zsh's _arguments. */
static void
print_zsh_text(const char *text)
{
	for (; *text != '\0'; text++)
		if (*text == '\'')
			fputs("'\\''", stdout);
		else if (strchr("[]:\\", *text) != NULL)
			printf("\\%c", *text);
		else
			putchar(*text);
}

static void
print_zsh_options(const struct command *c)
{
	for (const struct option_spec *o = c->options; o->name != NULL; o++) {
		printf(" \\\n\t\t\t'--%s%s[", o->name,
		    o->argument != NULL ? "=" : "");
		print_zsh_text(o->help);
		printf("]%s%s%s'", o->argument != NULL ? ":" : "",
		    o->argument != NULL ? o->argument : "",
		    o->argument != NULL ? ":" : "");
	}
}

/* zshcompsys(1). */
static void
print_zsh(void)
{
	printf("#compdef nudge\n"
	       "_nudge_templates() {\n"
	       "\tlocal dir=${opt_args[-C]:-$folder}\n"
	       "\tcompadd -- $dir/templates/*.(md|json)(N:t:r)\n"
	       "}\n"
	       "_nudge() {\n"
	       "\tlocal curcontext=$curcontext state line\n"
	       "\ttypeset -A opt_args\n"
	       "\tlocal -a commands=(\n");
	for (const struct command *const *c = commands; *c != NULL; c++) {
		printf("\t\t'%s:", (*c)->name);
		print_zsh_text((*c)->summary);
		printf("'\n");
	}
	printf("\t)\n"
	       "\t_arguments -C -A '-*' '-C[the "
	       "workspace]:folder:_directories' \\\n"
	       "\t\t'1:command:->command' '*::argument:->argument'\n"
	       "\tlocal folder=${opt_args[-C]:-.}\n"
	       "\tcase $state in\n"
	       "\tcommand) _describe command commands ;;\n"
	       "\targument)\n"
	       "\t\tcase $line[1] in\n"
	       "\t\thelp) _describe command commands ;;\n");
	for (const struct command *const *c = commands; *c != NULL; c++) {
		const char *words = words_of(*c);

		if (strcmp((*c)->name, "help") == 0)
			continue;
		printf("\t\t%s) _arguments \\\n"
		       "\t\t\t'-C[the workspace]:folder:_directories' \\\n"
		       "\t\t\t'--json[output for machines]' \\\n"
		       "\t\t\t{-q,--quiet}'[no output]' \\\n"
		       "\t\t\t'*--set=[a setting]:NAME=VALUE:' "
		       "'--help[how it is used]'",
		    (*c)->name);
		print_zsh_options(*c);
		if (words[0] == '$')
			printf(" \\\n\t\t\t'1:template:_nudge_templates'");
		else if (words[0] != '\0')
			printf(" \\\n\t\t\t'1:word:(%s)'", words);
		printf(" '*:argument:_files' ;;\n");
	}
	printf("\t\tesac ;;\n"
	       "\tesac\n"
	       "}\n"
	       "if [[ $funcstack[1] == _nudge ]]; then _nudge \"$@\"; "
	       "else compdef _nudge nudge; fi\n");
}

static int
run(const struct invocation *in)
{
	const char *shell = in->arguments[0];

	if (strcmp(shell, "bash") == 0)
		print_bash();
	else if (strcmp(shell, "zsh") == 0)
		print_zsh();
	else
		return fail(EX_USAGE,
		    "there is completion for bash and zsh, not for \"%s\"",
		    shell);
	return EX_OK;
}

static const struct option_spec none[] = {{NULL, NULL, NULL}};

const struct command command_completion = {
    .name = "completion",
    .summary = "Print what a shell needs to complete commands",
    .usage = "nudge completion bash | zsh",
    .examples = "  nudge completion bash >~/.local/share/bash-completion/"
		"completions/nudge\n"
		"  source <(nudge completion zsh)\n",
    .options = none,
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run,
};
