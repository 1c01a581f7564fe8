/* SPDX-License-Identifier: MIT
 * JSON as text. cJSON reads more than JSON (leading zeros, control characters, any text behind a
 * value) and knows no positions; this scanner decides what is JSON and where, and builds nothing.
 */
#include "lib/json_text.h"

#include <string.h>

/* cJSON copies a number into 64 bytes and cuts what does not fit. */
#define NUMBER_MAX 63

struct scan {
	const char *text;
	size_t len, pos;
	const char *msg; /* the first fault */
	unsigned depth;
	const struct json_path *path;
	bool want_key;
	size_t found;
};

static int fail(struct scan *s, const char *msg)
{
	s->msg = msg;
	return -EINVAL;
}

/* The next character, or -1 at the end. */
static int peek(const struct scan *s)
{
	return s->pos < s->len ? (unsigned char)s->text[s->pos] : -1;
}

static bool accept(struct scan *s, char c)
{
	if (peek(s) != c)
		return false;
	s->pos++;
	return true;
}

static void skip_space(struct scan *s)
{
	while (s->pos < s->len && memchr(" \t\n\r", s->text[s->pos], 4))
		s->pos++;
}

/* Length of the well-formed UTF-8 sequence at p (Unicode 15, table 3-7), 0 if there is none. */
static size_t utf8_len(const unsigned char *p, size_t len)
{
	unsigned char min = 0x80, max = 0xbf;
	size_t n;

	if (p[0] < 0x80)
		return 1;
	if (p[0] < 0xc2 || p[0] > 0xf4)
		return 0;
	n = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	if (n > len)
		return 0;
	if (p[0] == 0xe0)
		min = 0xa0;
	else if (p[0] == 0xed)
		max = 0x9f;
	else if (p[0] == 0xf0)
		min = 0x90;
	else if (p[0] == 0xf4)
		max = 0x8f;
	for (size_t i = 1; i < n; i++, min = 0x80, max = 0xbf)
		if (p[i] < min || p[i] > max)
			return 0;
	return n;
}

/* Four hex digits; -1 if they are not. */
static long hex4(struct scan *s)
{
	long v = 0;

	for (int i = 0; i < 4; i++, s->pos++) {
		int c = peek(s);

		if (c >= '0' && c <= '9')
			v = v << 4 | (c - '0');
		else if ((c | 32) >= 'a' && (c | 32) <= 'f')
			v = v << 4 | ((c | 32) - 'a' + 10);
		else
			return -1;
	}
	return v;
}

/* Behind "\u". */
static int scan_unicode_escape(struct scan *s)
{
	long v = hex4(s);

	if (v < 0)
		return fail(s, "\\u needs four hex digits");
	if (v == 0)
		return fail(s, "\\u0000 is not supported");
	if (v >= 0xdc00 && v <= 0xdfff)
		return fail(s, "lone low surrogate");
	if (v < 0xd800 || v > 0xdbff)
		return 0;
	if (!accept(s, '\\') || !accept(s, 'u'))
		return fail(s, "lone high surrogate");
	v = hex4(s);
	return v >= 0xdc00 && v <= 0xdfff ? 0 : fail(s, "lone high surrogate");
}

static int scan_escape(struct scan *s)
{
	int c = peek(s);

	if (c < 0 || !strchr("\"\\/bfnrtu", c))
		return fail(s, "unknown escape sequence");
	s->pos++;
	return c == 'u' ? scan_unicode_escape(s) : 0;
}

/* Behind the opening quote. */
static int scan_string(struct scan *s)
{
	for (;;) {
		int c = peek(s), r = 0;
		size_t n;

		if (c < 0)
			return fail(s, "unterminated string");
		if (c == '"') {
			s->pos++;
			return 0;
		}
		if (c < ' ')
			return fail(s, "control character in a string");
		if (c == '\\') {
			s->pos++;
			r = scan_escape(s);
			if (r)
				return r;
			continue;
		}
		n = utf8_len((const unsigned char *)s->text + s->pos, s->len - s->pos);
		if (!n)
			return fail(s, "invalid UTF-8");
		s->pos += n;
	}
}

static size_t scan_digits(struct scan *s)
{
	size_t start = s->pos;

	while (peek(s) >= '0' && peek(s) <= '9')
		s->pos++;
	return s->pos - start;
}

static int check_number(struct scan *s, size_t start)
{
	size_t len = s->pos - start;
	char digits[NUMBER_MAX + 1];
	double v;

	if (len > NUMBER_MAX) {
		s->pos = start;
		return fail(s, "number with too many digits");
	}
	memcpy(digits, s->text + start, len);
	digits[len] = '\0';
	v = strtod(digits, NULL);
	if (v - v != 0) { /* infinite */
		s->pos = start;
		return fail(s, "number out of range");
	}
	return 0;
}

static int scan_number(struct scan *s)
{
	size_t start = s->pos;

	accept(s, '-');
	if (accept(s, '0')) {
		if (peek(s) >= '0' && peek(s) <= '9')
			return fail(s, "number with a leading zero");
	} else if (!scan_digits(s)) {
		return fail(s, "digit expected");
	}
	if (accept(s, '.') && !scan_digits(s))
		return fail(s, "digit expected behind the decimal point");
	if (peek(s) == 'e' || peek(s) == 'E') {
		s->pos++;
		if (!accept(s, '+'))
			accept(s, '-');
		if (!scan_digits(s))
			return fail(s, "digit expected in the exponent");
	}
	return check_number(s, start);
}

static int scan_word(struct scan *s, const char *word)
{
	size_t n = strlen(word);

	if (s->len - s->pos < n || memcmp(s->text + s->pos, word, n))
		return fail(s, "value expected");
	s->pos += n;
	return 0;
}

static int scan_value(struct scan *s, bool on_path);

/* Is child i of the container at this depth on the way to the value looked for? */
static bool child_on_path(const struct scan *s, bool on_path, unsigned i)
{
	return on_path && s->depth <= s->path->n && s->path->v[s->depth - 1] == i;
}

static bool child_is_target(const struct scan *s, bool on_path, unsigned i)
{
	return child_on_path(s, on_path, i) && s->depth == s->path->n;
}

static int scan_array(struct scan *s, bool on_path)
{
	int r;

	skip_space(s);
	if (accept(s, ']'))
		return 0;
	for (unsigned i = 0;; i++) {
		skip_space(s);
		if (child_is_target(s, on_path, i))
			s->found = s->pos;
		r = scan_value(s, child_on_path(s, on_path, i));
		if (r)
			return r;
		skip_space(s);
		if (accept(s, ']'))
			return 0;
		if (!accept(s, ','))
			return fail(s, "',' or ']' expected");
	}
}

static int scan_member(struct scan *s, bool on_path, unsigned i)
{
	int r;

	skip_space(s);
	if (child_is_target(s, on_path, i))
		s->found = s->pos;
	if (!accept(s, '"'))
		return fail(s, "key in double quotes expected");
	r = scan_string(s);
	if (r)
		return r;
	skip_space(s);
	if (!accept(s, ':'))
		return fail(s, "':' expected");
	skip_space(s);
	if (!s->want_key && child_is_target(s, on_path, i))
		s->found = s->pos;
	return scan_value(s, child_on_path(s, on_path, i));
}

static int scan_object(struct scan *s, bool on_path)
{
	int r;

	skip_space(s);
	if (accept(s, '}'))
		return 0;
	for (unsigned i = 0;; i++) {
		r = scan_member(s, on_path, i);
		if (r)
			return r;
		skip_space(s);
		if (accept(s, '}'))
			return 0;
		if (!accept(s, ','))
			return fail(s, "',' or '}' expected");
	}
}

static int scan_container(struct scan *s, bool on_path)
{
	bool object = s->text[s->pos] == '{';
	int r;

	if (s->depth == JSON_MAX_DEPTH)
		return fail(s, "nested too deeply");
	s->pos++;
	s->depth++;
	r = object ? scan_object(s, on_path) : scan_array(s, on_path);
	s->depth--;
	return r;
}

static int scan_value(struct scan *s, bool on_path)
{
	switch (peek(s)) {
	case '{':
	case '[':
		return scan_container(s, on_path);
	case '"':
		s->pos++;
		return scan_string(s);
	case 't':
		return scan_word(s, "true");
	case 'f':
		return scan_word(s, "false");
	case 'n':
		return scan_word(s, "null");
	case '-':
	case '0' ... '9':
		return scan_number(s);
	case -1:
		return fail(s, "unexpected end");
	default:
		return fail(s, "value expected");
	}
}

int json_text_scan(const char *text, size_t len, const struct json_path *path, bool key,
		   size_t *ret_pos, const char **ret_msg)
{
	struct scan s = {.text = text, .len = len, .path = path, .want_key = key};
	int r;

	skip_space(&s);
	s.found = s.pos;
	r = scan_value(&s, path != NULL);
	if (!r) {
		skip_space(&s);
		if (s.pos < len)
			r = fail(&s, "text behind the end of the value");
	}
	*ret_pos = r ? s.pos : s.found;
	*ret_msg = s.msg;
	return r;
}

/* Offset behind the string that starts at i; `len` if it does not end. */
static size_t string_end(const char *text, size_t len, size_t i)
{
	for (i++; i < len && text[i] != '"'; i++)
		if (text[i] == '\\')
			i++;
	return i < len ? i + 1 : len;
}

/* Blanks from `start` to `end`, but not line ends. */
static void blank(char *text, size_t start, size_t end)
{
	for (size_t i = start; i < end; i++)
		if (text[i] != '\n')
			text[i] = ' ';
}

long json_text_blank_comments(char *text, size_t len)
{
	for (size_t i = 0; i < len;) {
		const char *end;

		if (text[i] == '"') {
			i = string_end(text, len, i);
		} else if (text[i] == '/' && i + 1 < len && text[i + 1] == '/') {
			end = memchr(text + i, '\n', len - i);
			blank(text, i, end ? (size_t)(end - text) : len);
		} else if (text[i] == '/' && i + 1 < len && text[i + 1] == '*') {
			end = memmem(text + i + 2, len - i - 2, "*/", 2);
			if (!end)
				return i;
			blank(text, i, end + 2 - text);
		} else {
			i++;
		}
	}
	return -1;
}

void json_text_position(const char *text, size_t pos, unsigned *ret_line, unsigned *ret_col)
{
	unsigned line = 1, col = 1;

	for (size_t i = 0; i < pos; i++) {
		if (text[i] == '\n') {
			line++;
			col = 1;
		} else if (((unsigned char)text[i] & 0xc0) != 0x80) {
			col++;
		}
	}
	*ret_line = line;
	*ret_col = col;
}
