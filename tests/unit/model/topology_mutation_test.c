/* SPDX-License-Identifier: MIT
 * Topology files that went wrong at random: strings of examples/everything.json change places or
 * become something nasty. Whatever comes of it, a refusal says where and why and leaves nothing
 * behind, and what is accepted can be exported and loaded again without a change.
 *
 * MUTATION_SEED and MUTATION_COUNT (environment) choose another course than the fixed one.
 */
#include <ctype.h>

#include "topology_env.h"

#define COUNT 400

static uint64_t state_of_chance;

/* xorshift64: the same everywhere. */
static size_t chance(size_t below)
{
	state_of_chance ^= state_of_chance << 13;
	state_of_chance ^= state_of_chance >> 7;
	state_of_chance ^= state_of_chance << 17;
	return state_of_chance % below;
}

static uint64_t number_of(const char *name, uint64_t def)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 10) : def;
}

static const char *const nasty[] = {
	"\"\"",
	"\"auto\"",
	"\"local\"",
	"\"default\"",
	"\"/\"",
	"\"a/b/c\"",
	"\"pl:\"",
	"\"sg-\"",
	"\"::/0\"",
	"\"0.0.0.0/0\"",
	"\"10.0.0.0/16\"",
	"\"10.0.1.0/24\"",
	"\"fd00:ec2::/32\"",
	"\"255.255.255.255/32\"",
	"\"10.0.0.1\"",
	"\"2001:db8:1000::/56\"",
	"null",
	"true",
	"0",
	"-1",
	"1e300",
	"[]",
	"{}",
	"[[]]",
	"[null]",
	"{\"a\": {}}",
	"\"\\u0001\"",
	"\"icmp 8/0 from web\"",
	"\"100 allow all from ::/0\"",
	"\"tcp 80 from 10.0.0.1/8\"",
};

struct span {
	size_t at, len;
};

/* The strings of the text, quotes included. */
static size_t find_strings(const char *text, struct span *ret, size_t max)
{
	size_t n = 0;

	for (size_t i = 0; text[i] && n < max; i++) {
		size_t end = i + 1;

		if (text[i] != '"')
			continue;
		while (text[end] && text[end] != '"')
			end += 1 + (text[end] == '\\');
		ret[n++] = (struct span){i, end + 1 - i};
		i = end;
	}
	return n;
}

/* One string becomes another of the file, something nasty, or itself with a character changed. */
static char *mutate(const char *text)
{
	struct span all[512];
	size_t n = find_strings(text, all, ARRAY_SIZE(all));
	const struct span *s = &all[chance(n)], *other = &all[chance(n)];
	struct buf b = {0};

	buf_printf(&b, "%.*s", (int)s->at, text);
	switch (chance(3)) {
	case 0:
		buf_printf(&b, "%.*s", (int)other->len, text + other->at);
		break;
	case 1:
		buf_puts(&b, nasty[chance(ARRAY_SIZE(nasty))]);
		break;
	default: {
		size_t at = s->len > 2 ? 1 + chance(s->len - 2) : 0;

		buf_printf(&b, "%.*s%c%.*s", (int)at, text + s->at, "0129/:.- ab"[chance(11)],
			   (int)(s->len - at - 1), text + s->at + at + 1);
	}
	}
	buf_puts(&b, text + s->at + s->len);
	return buf_take(&b);
}

static void refusal_is_whole(struct lab *l, const char *text)
{
	assert_true(l->faults.n > 0);
	for (size_t i = 0; i < l->faults.n; i++)
		if (!l->faults.v[i].err.code[0] || strlen(l->faults.v[i].err.msg) < 5)
			fail_msg("a fault without code or message in %s", text);
	for (int k = KIND_NONE + 1; k < KIND_COUNT; k++)
		assert_int_equal(count(store_model(l->s), k), 0);
}

static char *export_of(struct lab *l)
{
	const struct object *v = model_first(store_model(l->s), KIND_PREFIX_LIST);
	struct json *j;
	char *text;

	v = v ? v : model_first(store_model(l->s), KIND_VPC);
	assert_int_equal(topology_export(store_model(l->s), v ? v->lab : "lab", false, &j, NULL),
			 0);
	text = json_print_pretty(j);
	json_free(j);
	return text;
}

static void comes_back_the_same(struct lab *l, const char *text)
{
	cleanup_free char *once = export_of(l), *again = NULL;

	if (load(l, once, strlen(once)))
		fail_msg("%s: %s\n%s\nis the export of\n%s", l->faults.v[0].pointer,
			 l->faults.v[0].err.msg, once, text);
	if (l->steps.n)
		fail_msg("%s (%s) changes by the export of\n%s", l->steps.v[0].name,
			 l->steps.v[0].detail ? l->steps.v[0].detail : "", text);
	again = export_of(l);
	assert_string_equal(once, again);
}

static void one_mutation(const char *example)
{
	cleanup_free char *text = strdup(example);
	struct lab l = {.s = open_store(":memory:")};

	for (size_t i = 1 + chance(3); i-- > 0;) {
		char *next = mutate(text);

		free(text);
		text = next;
	}
	if (load(&l, text, strlen(text)))
		refusal_is_whole(&l, text);
	else
		comes_back_the_same(&l, text);
	forget(&l);
	store_close(l.s);
}

static void mutations_are_refused_whole_or_come_back_the_same(void **state)
{
	uint64_t seed = number_of("MUTATION_SEED", 20260727),
		 n = number_of("MUTATION_COUNT", COUNT);
	cleanup_free char *example = read_file(EXAMPLES "/everything.json");

	for (uint64_t i = 0; i < n; i++) {
		state_of_chance = (seed + i) * 0x9e3779b97f4a7c15ull | 1;
		if (getenv("MUTATION_VERBOSE"))
			print_message("seed %llu\n", (unsigned long long)(seed + i));
		one_mutation(example);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mutations_are_refused_whole_or_come_back_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
