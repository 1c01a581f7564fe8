/* SPDX-License-Identifier: MIT
 * Completion: a small script for each shell asks the hidden command __complete, which knows
 * commands, kinds, verbs and flags from the tables and live names from the daemon.
 */
#include <string.h>

#include "cli/cli.h"
#include "lib/buf.h"

#define PATIENCE_MS 500	     /* nobody waits longer for a Tab */
#define FILES	    ":files" /* asks the shell to complete file names */

static const char bash_script[] = "# bash completion for vpcctl\n"
				  "_vpcctl() {\n"
				  "\tlocal cur=${COMP_WORDS[COMP_CWORD]} words\n"
				  "\tmapfile -t words < <(vpcctl __complete -- "
				  "\"${COMP_WORDS[@]:1:COMP_CWORD}\" 2>/dev/null)\n"
				  "\tif [[ ${words[0]-} == " FILES " ]]; then\n"
				  "\t\tmapfile -t COMPREPLY < <(compgen -f -- \"$cur\")\n"
				  "\t\tcompopt -o filenames\n"
				  "\telse\n"
				  "\t\tCOMPREPLY=(\"${words[@]}\")\n"
				  "\tfi\n"
				  "}\n"
				  "complete -F _vpcctl vpcctl\n";

static const char zsh_script[] =
	"#compdef vpcctl\n"
	"_vpcctl() {\n"
	"\tlocal -a names\n"
	"\tnames=(${(f)\"$(vpcctl __complete -- ${words[2,CURRENT]} 2>/dev/null)\"})\n"
	"\tif [[ $names[1] == " FILES " ]]; then _files; else compadd -a names; fi\n"
	"}\n"
	"compdef _vpcctl vpcctl\n";

static const char fish_script[] = "# fish completion for vpcctl\n"
				  "function __vpcctl_complete\n"
				  "\tset -l names (vpcctl __complete -- (commandline -opc)[2..] "
				  "(commandline -ct) 2>/dev/null)\n"
				  "\tif test \"$names[1]\" = " FILES "\n"
				  "\t\t__fish_complete_path (commandline -ct)\n"
				  "\telse\n"
				  "\t\tprintf '%s\\n' $names\n"
				  "\tend\n"
				  "end\n"
				  "complete -c vpcctl -f -a '(__vpcctl_complete)'\n";

int cmd_completion(struct cli *c)
{
	static const struct {
		const char *shell, *script;
	} scripts[] = {{"bash", bash_script}, {"zsh", zsh_script}, {"fish", fish_script}};

	for (size_t i = 0; c->args.n_pos == 1 && i < ARRAY_SIZE(scripts); i++)
		if (!strcmp(c->args.pos[0], scripts[i].shell)) {
			fputs(scripts[i].script, stdout);
			return EXIT_DONE;
		}
	return cli_usage(c, "for which shell: bash, zsh or fish?");
}

/* ---- candidates ---- */

static void offer(const char *candidate, const char *typed)
{
	if (candidate && !strncmp(candidate, typed, strlen(typed)))
		puts(candidate);
}

static void offer_words(const char *words, const char *typed)
{
	cleanup_free char *copy = strdup(words);
	char *save, *word;

	for (word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save))
		offer(word, typed);
}

/* Names (ids where there is none) in the items of a list; typed may be "a,b,…". */
static void offer_items(struct cli *c, const char *path, const char *member, const char *typed)
{
	struct request rq = {.method = "GET", .path = path, .timeout_ms = PATIENCE_MS};
	const char *comma = strrchr(typed, ',');
	struct response resp;

	client_perform(c, &rq, &resp);
	json_for_each (item, json_get(resp.json, "Items")) {
		cleanup_free char *word = NULL;
		const char *name = json_str(json_get(item, member));

		if (!name)
			name = json_str(json_first(item));
		if (asprintf(&word, "%.*s%s", comma ? (int)(comma + 1 - typed) : 0, typed,
			     name ? name : "") < 0)
			word = NULL;
		offer(word, typed);
	}
	response_done(&resp);
}

static void offer_kinds(const char *typed)
{
	for (int i = KIND_NONE + 1; i < KIND_COUNT; i++)
		offer(kinds[i]->name, typed);
}

/* What struct opt's and struct command's .complete mean. */
static void offer_by(struct cli *c, const char *how, const char *typed)
{
	const struct kind *k = NULL;
	char path[80];

	if (!how)
		return;
	if (!strcmp(how, "kind"))
		k = c->kind;
	else if (!strchr(how, ' '))
		k = kind_find(how);
	if (!strcmp(how, "file")) {
		puts(FILES);
	} else if (!strcmp(how, "lab")) {
		offer_items(c, "/v1/labs", "Lab", typed);
	} else if (!strcmp(how, "sandbox")) {
		offer_items(c, "/v1/sandboxes", "Name", typed);
	} else if (!strcmp(how, "kinds")) {
		offer_kinds(typed);
	} else if (k) {
		snprintf(path, sizeof(path), "/v1/%s?limit=1000", k->plural);
		offer_items(c, path, "Name", typed);
	} else {
		offer_words(how, typed);
	}
}

static void offer_flags(const struct opt *const *tables, const char *typed)
{
	for (size_t i = 0; tables[i]; i++)
		for (const struct opt *o = tables[i]; o->name; o++) {
			cleanup_free char *flag = NULL;

			if (asprintf(&flag, "--%s", o->name) < 0)
				flag = NULL;
			offer(flag, typed);
		}
}

/* The option that a word names: "--lab", "-p"; NULL: it is none. */
static const struct opt *option_of_word(const struct opt *const *tables, const char *word)
{
	if (*word != '-')
		return NULL;
	for (size_t i = 0; tables[i]; i++)
		for (const struct opt *o = tables[i]; o->name; o++)
			if ((word[1] == '-' && !strcmp(word + 2, o->name)) ||
			    (o->letter && word[1] == o->letter && !word[2]))
				return o;
	return NULL;
}

static void complete_command(struct cli *c, const struct command *cmd, int n, char **words)
{
	struct opt *fields = cmd->fields ? kind_opts(c->kind) : NULL;
	const struct opt *tables[OPT_TABLES_MAX], *before;
	const char *typed = words[n - 1];

	command_tables(cmd, fields, tables);
	before = n > 1 ? option_of_word(tables, words[n - 2]) : NULL;
	if (before && before->arg == OPT_VALUE)
		offer_by(c, before->complete, typed);
	else if (*typed == '-')
		offer_flags(tables, typed);
	else
		offer_by(c, cmd->complete, typed);
	kind_opts_free(fields);
}

/* words[0] is a kind's name. */
static void complete_kind(struct cli *c, int n, char **words)
{
	const struct command *verb;

	if (n == 2) {
		for (const struct command *cmd = kind_commands; cmd->name; cmd++)
			if (!cmd->only || cmd->only == c->kind->kind)
				offer(cmd->name, words[1]);
		return;
	}
	verb = verb_find(c->kind, words[1]);
	if (verb)
		complete_command(c, verb, n - 1, words + 1);
}

int cmd_complete(struct cli *c)
{
	const struct opt *global[] = {global_opts, NULL};
	int n = c->args.n_pos;
	char **words = c->args.pos;
	const struct command *cmd;

	/* Common options before the command. */
	while (n > 1 && *words[0] == '-') {
		const struct opt *o = option_of_word(global, words[0]);
		int skip = o && o->arg == OPT_VALUE ? 2 : 1;

		if (skip == n) {
			offer_by(c, o->complete, words[1]);
			return EXIT_DONE;
		}
		words += skip;
		n -= skip;
	}
	if (n == 1 && *words[0] == '-') {
		offer_flags(global, words[0]);
	} else if (n == 1) {
		for (cmd = commands; cmd->name; cmd++)
			offer(cmd->help ? cmd->name : NULL, words[0]);
		offer_kinds(words[0]);
	} else if (n > 1) {
		cmd = command_find(commands, words[0]);
		c->kind = cmd ? NULL : kind_find(words[0]);
		if (cmd)
			complete_command(c, cmd, n, words);
		else if (c->kind)
			complete_kind(c, n, words);
	}
	return EXIT_DONE;
}
