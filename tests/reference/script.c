/* SPDX-License-Identifier: MIT
 * See script.h: events as text, done to both sides.
 */
#include <netinet/in.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "lib/json.h"
#include "ref_model.h"
#include "script.h"

#define DELIVERIES_MAX 4096
#define SENDERS_MAX    256

const char *const event_names[EVENT_KIND_COUNT] = {
	"create", "update",   "delete", "revoke",  "packet",  "reply",	 "again", "forward",
	"error",  "fragment", "arp",	"advance", "collect", "restart", "uplink"};

/* Who sends under a name; kept when the object is gone, since its link may still send. */
struct sender {
	char name[ID_LEN], eni[ID_LEN];
	struct mac mac;
	struct ip address;
};

/* ---- text ---- */

void script_add(struct script *s, const char *line)
{
	if (s->n == s->cap) {
		s->cap = s->cap ? 2 * s->cap : 256;
		s->lines = reallocarray(s->lines, s->cap, sizeof(*s->lines));
		if (!s->lines)
			abort();
	}
	s->lines[s->n++] = strdup(line);
}

void script_done(struct script *s)
{
	for (size_t i = 0; i < s->n; i++)
		free(s->lines[i]);
	free(s->lines);
	*s = (struct script){0};
}

int script_read(const char *path, struct script *ret, struct err *e)
{
	cleanup_fclose FILE *f = fopen(path, "r");
	cleanup_free char *line = NULL;
	size_t cap = 0;

	if (!f)
		return err_sys(e, -errno, "%s", path);
	while (getline(&line, &cap, f) > 0) {
		line[strcspn(line, "\n")] = 0;
		if (line[0] && line[0] != '#')
			script_add(ret, line);
	}
	return 0;
}

void script_write(const struct script *s, FILE *f)
{
	for (size_t i = 0; i < s->n; i++)
		fprintf(f, "%s\n", s->lines[i]);
}

static char *next_word(char **p)
{
	char *word = strsep(p, " ");

	while (word && !*word)
		word = strsep(p, " ");
	return word;
}

static unsigned next_number(char **p)
{
	const char *word = next_word(p);

	return word ? (unsigned)strtoul(word, NULL, 10) : 0;
}

static uint8_t parse_flags(const char *text)
{
	uint8_t flags = 0;

	for (; text && *text; text++)
		flags |= *text == 'S'	? TCP_SYN
			 : *text == 'A' ? TCP_ACK
			 : *text == 'F' ? TCP_FIN
			 : *text == 'R' ? TCP_RST
					: 0;
	return flags;
}

static bool next_address(char **p, struct ip *ret)
{
	const char *word = next_word(p);

	return word && !ip_parse(word, ret);
}

static void parse_option(struct packet *p, const char *word)
{
	if (!strcmp(word, "df"))
		p->dont_fragment = true;
	else if (!strcmp(word, "more"))
		p->more = true;
	else if (!strncmp(word, "id=", 3))
		p->fragment_id = (uint16_t)strtoul(word + 3, NULL, 10);
	else if (!strncmp(word, "at=", 3))
		p->offset = (uint16_t)strtoul(word + 3, NULL, 10);
	else if (!strncmp(word, "len=", 4))
		p->payload = (uint16_t)strtoul(word + 4, NULL, 10);
	else if (!strncmp(word, "odd=", 4))
		for (int i = 0; i < ODD_COUNT; i++)
			if (!strcmp(word + 4, oddity_names[i]))
				p->odd = (enum oddity)i;
}

/*   tcp SRC PORT DST PORT FLAGS …    udp SRC PORT DST PORT …
 *   icmp SRC DST TYPE CODE ID …      NUMBER SRC DST …
 * …: len=PAYLOAD df more id=N at=OFFSET odd=NAME */
static bool packet_parse(char *text, struct packet *ret)
{
	const char *word = next_word(&text);

	*ret = (struct packet){.payload = 16, .dmac = {ROUTER_MAC}};
	if (!word)
		return false;
	if (!strcmp(word, "tcp") || !strcmp(word, "udp")) {
		ret->protocol = !strcmp(word, "tcp") ? IPPROTO_TCP : IPPROTO_UDP;
		if (!next_address(&text, &ret->src))
			return false;
		ret->sport = (uint16_t)next_number(&text);
		if (!next_address(&text, &ret->dst))
			return false;
		ret->dport = (uint16_t)next_number(&text);
		if (ret->protocol == IPPROTO_TCP)
			ret->tcp_flags = parse_flags(next_word(&text));
	} else {
		bool icmp = !strcmp(word, "icmp");

		ret->protocol = (uint8_t)strtoul(word, NULL, 10);
		if (!next_address(&text, &ret->src) || !next_address(&text, &ret->dst))
			return false;
		if (icmp) {
			ret->protocol = ret->src.family == AF_INET6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
			ret->icmp_type = (uint8_t)next_number(&text);
			ret->icmp_code = (uint8_t)next_number(&text);
			ret->icmp_id = (uint16_t)next_number(&text);
		}
	}
	while ((word = next_word(&text)))
		parse_option(ret, word);
	return ret->src.family == ret->dst.family;
}

/* ---- names ---- */

static const struct model *model_of(const struct run *r)
{
	return store_model(world_store(r->world));
}

static const struct object *by_name(const struct run *r, const char *name)
{
	const struct object *o = NULL;

	return name && !model_resolve(model_of(r), KIND_NONE, name, NULL, &o, NULL) ? o : NULL;
}

static const char *default_of(const struct model *m, const char *what, const char *vpc)
{
	if (!strcmp(what, "sg")) {
		const struct security_group *sg = model_vpc_default_group(m, vpc);

		return sg ? sg->o.id : NULL;
	}
	if (!strcmp(what, "main"))
		model_for_each (o, m, KIND_ROUTE_TABLE)
			if (AS_CONST(route_table, o)->main &&
			    !strcmp(AS_CONST(route_table, o)->vpc_id, vpc))
				return o->id;
	if (!strcmp(what, "acl"))
		model_for_each (o, m, KIND_NETWORK_ACL)
			if (AS_CONST(network_acl, o)->is_default &&
			    !strcmp(AS_CONST(network_acl, o)->vpc_id, vpc))
				return o->id;
	return NULL;
}

/* The id that "@what:NAME" stands for; the word itself otherwise. */
static const char *resolve_word(const struct run *r, char *word)
{
	char *colon = word[0] == '@' ? strchr(word, ':') : NULL;
	const struct object *o;
	const char *id = NULL;

	if (!colon)
		return word;
	*colon = 0;
	o = by_name(r, colon + 1);
	if (o && o->kind->kind == KIND_INSTANCE && !strcmp(word, "@eni"))
		id = AS_CONST(instance, o)->network_interface_id;
	else if (o)
		id = default_of(model_of(r), word + 1, o->id);
	*colon = ':';
	return id ? id : word;
}

/* Replaces "@what:NAME" in JSON text; malloc'd. */
static char *resolve_text(const struct run *r, const char *text)
{
	char *ret = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&ret, &len);

	while (*text) {
		char word[64];
		size_t n = strcspn(text, "\"");

		if (text[0] == '@' && n < sizeof(word)) {
			memcpy(word, text, n);
			word[n] = 0;
			fputs(resolve_word(r, word), f);
		} else {
			fwrite(text, 1, n, f);
		}
		text += n;
		if (*text)
			fputc(*text++, f);
	}
	fclose(f);
	return ret;
}

static const char *eni_of(const struct run *r, const char *name)
{
	const struct object *o = by_name(r, name);

	if (!strcmp(name, PLACE_ID_SERVICE) || !strcmp(name, PLACE_ID_PUBLIC_DNS) ||
	    (!strcmp(name, PLACE_ID_UPLINK) && r->uplink))
		return name;
	if (!o)
		return NULL;
	if (o->kind->kind == KIND_INSTANCE)
		return AS_CONST(instance, o)->network_interface_id;
	if (o->kind->kind == KIND_FUNCTION)
		return AS_CONST(function, o)->network_interface_id;
	return o->kind->kind == KIND_INTERNET_HOST ? o->id : NULL;
}

/* NULL: nobody has ever had that name. */
static const struct sender *sender_find(struct run *r, const char *name)
{
	const char *eni = name ? eni_of(r, name) : NULL;
	struct sender *s = NULL;
	struct place p;

	for (size_t i = 0; name && i < r->n_senders && !s; i++)
		if (!strcmp(r->senders[i].name, name))
			s = &r->senders[i];
	if (!eni || !place_find(model_of(r), eni, &p) || r->n_senders == SENDERS_MAX)
		return s;
	if (!s)
		s = &r->senders[r->n_senders++];
	snprintf(s->name, ID_LEN, "%s", name);
	snprintf(s->eni, ID_LEN, "%s", eni);
	s->mac = p.mac;
	s->address = p.eni ? p.eni->private_ip_address : p.addresses[0];
	return s;
}

/* ---- changes ---- */

/* One transaction; what the model refuses did not happen. */
static int change(struct run *r, int (*fn)(struct run *r, struct txn *t, char *arg), char *arg,
		  struct err *e)
{
	struct txn *t = txn_begin(world_store(r->world));
	int rc;

	if (!t)
		return err_sys(e, -ENOMEM, "transaction");
	if (fn(r, t, arg)) {
		r->figures.refused++;
		txn_abort(t);
		return 0;
	}
	rc = txn_commit(t, NULL, e);
	if (!rc)
		rc = world_apply(r->world, e);
	reference_model(r->reference, model_of(r));
	return rc;
}

static int do_create(struct run *r, struct txn *t, char *arg)
{
	const char *kind = next_word(&arg);
	cleanup_free char *text = arg ? resolve_text(r, arg) : NULL;
	cleanup_json struct json *spec = NULL;
	struct err e;

	if (!text || json_parse(text, strlen(text), false, &spec, NULL))
		return -EINVAL;
	for (int k = KIND_NONE + 1; k < KIND_COUNT; k++)
		if (!strcmp(kinds[k]->name, kind)) {
			int rc = txn_create(t, kinds[k], spec, NULL, NULL, &e);

			if (rc && getenv("VPCD_TEST_VERBOSE"))
				printf("refused: %s %s: %s\n", kind, text, e.msg);
			return rc;
		}
	return -ENOENT;
}

static int do_update(struct run *r, struct txn *t, char *arg)
{
	char *name = next_word(&arg);
	const struct object *o = name ? by_name(r, resolve_word(r, name)) : NULL;
	cleanup_free char *text = arg ? resolve_text(r, arg) : NULL;
	cleanup_json struct json *spec = NULL;
	struct err e;
	int rc;

	if (!o || !text || json_parse(text, strlen(text), false, &spec, NULL))
		return -EINVAL;
	rc = txn_update(t, o->id, spec, &e);
	if (rc && getenv("VPCD_TEST_VERBOSE"))
		printf("refused: %s %s: %s\n", name, text, e.msg);
	return rc;
}

static int do_delete(struct run *r, struct txn *t, char *arg)
{
	const struct object *o = by_name(r, next_word(&arg));

	return o ? txn_delete(t, o->id, NULL) : -ENOENT;
}

static int do_revoke(struct run *r, struct txn *t, char *arg)
{
	char *name = next_word(&arg);
	const struct object *group = name ? by_name(r, resolve_word(r, name)) : NULL;
	unsigned n = next_number(&arg);

	model_for_each (o, model_of(r), KIND_SECURITY_GROUP_RULE)
		if (group && !strcmp(AS_CONST(security_group_rule, o)->group_id, group->id) && !n--)
			return txn_delete(t, o->id, NULL);
	return -ENOENT;
}

/* ---- packets ---- */

__attribute__((format(printf, 2, 3))) static void differ(struct run *r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(r->difference, sizeof(r->difference), fmt, ap);
	va_end(ap);
}

/* Reasons that are found only when a flow is entered: the dry run does not get there. */
static bool at_admission(enum drop_reason reason)
{
	return reason == DROP_FLOW_RACE || reason == DROP_FLOW_TABLE_FULL ||
	       reason == DROP_NAT_PORTS || reason == DROP_CONNTRACK_ALLOWANCE;
}

static const char *reason_text(enum drop_reason reason)
{
	return reason < DROP_REASON_COUNT ? drop_reason_name(reason) : "an uncounted drop";
}

/* The packet that came out against the one that should; what was open is taken over. */
static bool output_agrees(struct run *r, const struct verdict *v, const struct outcome *o,
			  struct packet *got)
{
	char expected_text[128], got_text[128];
	struct packet expected = v->out;
	const char *why;

	if (!packet_read(o->frame, o->len, got, &why)) {
		differ(r, "the frame that came out is broken: %s", why);
		return false;
	}
	if (v->port_open && packet_is_echo(got))
		expected.icmp_id = got->icmp_id;
	else if (v->port_open)
		expected.sport = got->sport;
	if (v->source_open)
		expected.src = got->src;
	packet_text(&expected, expected_text, sizeof(expected_text));
	packet_text(got, got_text, sizeof(got_text));
	if (strcmp(expected_text, got_text))
		differ(r, "expected %s, got %s", expected_text, got_text);
	else if (expected.icmp_mtu != got->icmp_mtu)
		differ(r, "MTU %u expected, not %u", expected.icmp_mtu, got->icmp_mtu);
	else if (memcmp(&expected.smac, &got->smac, 6) || memcmp(&expected.dmac, &got->dmac, 6))
		differ(r, "wrong MAC in %s", got_text);
	else if (!got->arp && !packet_payload_intact(o->frame, o->len, &expected))
		differ(r, "payload of %s is not as expected", got_text);
	return !r->difference[0];
}

static void compare(struct run *r, const struct verdict *v, const struct outcome *o,
		    struct packet *got)
{
	if (v->may_forget && o->reason == DROP_FRAGMENT && o->traced == DROP_FRAGMENT)
		return;
	if (o->reason != v->reason)
		differ(r, "expected %s, got %s (traced: %s)", reason_text(v->reason),
		       reason_text(o->reason), reason_text(o->traced));
	else if (o->traced != o->reason && !at_admission(o->reason))
		differ(r, "%s, but trace says %s", reason_text(o->reason), reason_text(o->traced));
	else if (o->passed != (!v->reason || v->answered))
		differ(r, "%s: an answer was %s", reason_text(v->reason),
		       o->passed ? "not expected" : "expected");
	else if (!v->reason && !v->out.arp && strcmp(o->output, v->output))
		differ(r, "handed to %s, but expected to %s", o->output, v->output);
	else if (o->passed)
		output_agrees(r, v, o, got);
}

static void note_delivery(struct run *r, unsigned n, const char *from, const struct verdict *v,
			  const struct packet *sent, const struct packet *got)
{
	struct delivery *d;

	if (sent->arp || r->n_deliveries == DELIVERIES_MAX)
		return;
	d = &r->deliveries[r->n_deliveries++];
	*d = (struct delivery){.n = n, .sent = *sent, .got = *got};
	snprintf(d->from, ID_LEN, "%s", from);
	snprintf(d->to, ID_LEN, "%s", v->output);
}

/* A packet that comes back to its own sender: nobody says what that should be if it is the answer
 * to itself (untranslated, or without ports that differ), or if a middlebox gets back what it sent
 * on or had translated (its own way out leads to it). */
static bool comes_back(struct run *r, const char *eni, const struct packet *sent,
		       const struct verdict *v)
{
	struct place place;

	if (sent->arp || strcmp(v->output, eni))
		return false;
	if (v->by_nat || (place_find(model_of(r), eni, &place) && !place_owns(&place, &sent->src)))
		return true;
	return !ip_cmp(&v->out.src, &sent->src) ||
	       (!packet_is_echo(sent) && sent->sport == sent->dport);
}

/* For whoever writes a case. */
static void show(unsigned n, const struct packet *p, const struct verdict *v)
{
	char text[160];

	if (getenv("VPCD_TEST_VERBOSE"))
		printf("  %u %s: %s\n", n, packet_text(p, text, sizeof(text)),
		       v->reason ? reason_text(v->reason) : "delivered");
}

static int send_packet(struct run *r, unsigned n, const char *eni, const struct packet *p,
		       struct err *e)
{
	uint8_t frame[FRAME_MAX];
	size_t len = packet_build(p, frame);
	struct packet got = {0};
	unsigned choice = 0;
	struct outcome o;
	struct verdict v;
	int rc;

	reference_judge(r->reference, eni, p, choice, &v);
	if (v.in_pieces)
		return 0;
	if (comes_back(r, eni, p, &v))
		return 0;
	rc = world_send(r->world, eni, frame, len, &o, e);
	if (rc)
		return rc;
	show(n, p, &v);
	compare(r, &v, &o, &got);
	/* A gateway with several addresses may have chosen another one. */
	while (r->difference[0] && ++choice < v.choices) {
		r->difference[0] = 0;
		reference_judge(r->reference, eni, p, choice, &v);
		compare(r, &v, &o, &got);
	}
	if (r->difference[0])
		return 0;
	r->figures.verdicts[v.reason]++;
	if (!reference_commit(r->reference, o.passed ? &got : NULL))
		differ(r, "port %u is taken", packet_is_echo(&got) ? got.icmp_id : got.sport);
	else if (o.passed && !v.reason)
		note_delivery(r, n, eni, &v, p, &got);
	return 0;
}

static const struct delivery *delivery_find(const struct run *r, unsigned n)
{
	for (size_t i = r->n_deliveries; i > 0; i--)
		if (r->deliveries[i - 1].n == n)
			return &r->deliveries[i - 1];
	return NULL;
}

static int do_packet(struct run *r, char *arg, struct err *e)
{
	unsigned n = next_number(&arg);
	const struct sender *s = sender_find(r, next_word(&arg));
	struct packet p;

	if (!s || !arg || !packet_parse(arg, &p))
		return 0;
	p.smac = s->mac;
	if (p.odd == ODD_MAC)
		p.smac.b[5] ^= 1;
	return send_packet(r, n, s->eni, &p, e);
}

static int do_arp(struct run *r, char *arg, struct err *e)
{
	unsigned n = next_number(&arg);
	const struct sender *s = sender_find(r, next_word(&arg));
	struct packet p = {.arp = true};
	struct place place;

	if (!s || !next_address(&arg, &p.dst))
		return 0;
	p.src = s->address;
	if (p.dst.family == AF_INET6)
		ip_parse("fe80::1234", &p.src);
	if (p.dst.family == AF_INET6 && n % 4 && place_find(model_of(r), s->eni, &place)) {
		if (place.eni && place.eni->ipv6_addresses.n)
			p.src = *(const struct ip *)place.eni->ipv6_addresses.v;
		else if (ip_is_set(&place.addresses[1]))
			p.src = place.addresses[1];
	}
	p.smac = s->mac;
	return send_packet(r, n, s->eni, &p, e);
}

/* What the receiver would answer. */
static void turn(struct packet *p)
{
	struct packet was = *p;

	p->src = was.dst;
	p->dst = was.src;
	p->sport = was.dport;
	p->dport = was.sport;
	if (packet_is_echo_request(&was))
		p->icmp_type = was.protocol == IPPROTO_ICMP ? 0 : 129;
	else if (packet_is_echo(&was)) /* the next ping */
		p->icmp_type = was.protocol == IPPROTO_ICMP ? 8 : 128;
	if (was.protocol == IPPROTO_TCP)
		p->tcp_flags = (uint8_t)(was.tcp_flags & TCP_SYN ? TCP_SYN | TCP_ACK : TCP_ACK);
}

/* An error about what was delivered, from the address that it was for, if that is the receiver's.
 */
static int do_error(struct run *r, char *arg, struct err *e)
{
	unsigned n = next_number(&arg), of = next_number(&arg);
	const struct delivery *d = delivery_find(r, of);
	struct packet p = {.error = true, .dmac = {ROUTER_MAC}};
	struct place place;

	if (!d || packet_is_fragment(&d->got) || !place_find(model_of(r), d->to, &place))
		return 0;
	p.src = d->got.dst;
	if (!place_owns(&place, &p.src) && place.eni && p.src.family == AF_INET)
		p.src = place.eni->private_ip_address;
	p.dst = d->got.src;
	p.protocol = p.src.family == AF_INET6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
	p.icmp_type = (uint8_t)next_number(&arg);
	p.icmp_code = (uint8_t)next_number(&arg);
	p.quoted = packet_quote(&d->got, n % 3 ? 20 : 8);
	if (p.quoted.len < 8 || !packet_is_error_type(&p))
		return 0;
	p.payload = (uint16_t)((p.src.family == AF_INET6 ? 40 : 20) + p.quoted.len);
	p.smac = d->got.dmac;
	return send_packet(r, n, d->to, &p, e);
}

static int do_fragment(struct run *r, char *arg, struct err *e)
{
	unsigned n = next_number(&arg), of = next_number(&arg);
	const struct delivery *d = delivery_find(r, of);
	struct packet p;

	if (!d || !packet_is_fragment(&d->sent))
		return 0;
	p = d->sent;
	p.sport = p.dport = p.tcp_flags = p.icmp_type = p.icmp_code = p.icmp_id = 0;
	p.offset = (uint16_t)(next_number(&arg) & ~7u);
	p.more = n % 2;
	p.payload = 64;
	return p.offset ? send_packet(r, n, d->from, &p, e) : 0;
}

/* reply, again, forward: all go by a packet that was delivered. */
static int do_follow(struct run *r, enum event_kind kind, char *arg, struct err *e)
{
	unsigned n = next_number(&arg), of = next_number(&arg);
	const struct delivery *d = delivery_find(r, of);
	const char *flags = next_word(&arg), *eni;
	struct place place;
	struct packet p;

	if (!d || d->got.error || (kind != EVENT_AGAIN && d->got.offset) ||
	    (kind == EVENT_FORWARD && place_find(model_of(r), d->to, &place) &&
	     place_owns(&place, &d->got.dst)))
		return 0;
	p = kind == EVENT_AGAIN ? d->sent : d->got;
	eni = kind == EVENT_AGAIN ? d->from : d->to;
	if (kind == EVENT_REPLY) {
		turn(&p);
		p.more = false;
	}
	if (kind == EVENT_AGAIN && p.protocol == IPPROTO_TCP && !p.offset)
		p.tcp_flags = TCP_ACK;
	if (flags && p.protocol == IPPROTO_TCP && !p.offset)
		p.tcp_flags = parse_flags(flags);
	/* The resolver's own link takes no more. */
	if (!strcmp(eni, PLACE_ID_SERVICE) && p.payload > 1400)
		p.payload = 1400;
	if (kind != EVENT_AGAIN) {
		p.smac = d->got.dmac;
		p.dmac = (struct mac){ROUTER_MAC};
	}
	return send_packet(r, n, eni, &p, e);
}

/* ---- a line ---- */

static enum event_kind event_kind_of(const char *word)
{
	enum event_kind k = 0;

	while (k < EVENT_KIND_COUNT && (!word || strcmp(event_names[k], word)))
		k++;
	return k;
}

static int advance(struct run *r, char *arg)
{
	uint64_t s = next_number(&arg);

	dataplane_clock_advance(world_dataplane(r->world), s * 1000000000ull);
	reference_advance(r->reference, s);
	return 0;
}

int run_line(struct run *r, const char *line, struct err *e)
{
	cleanup_free char *text = strdup(line);
	char *rest = text;
	enum event_kind kind = event_kind_of(next_word(&rest));

	if (kind < EVENT_KIND_COUNT)
		r->figures.events[kind]++;
	switch (kind) {
	case EVENT_CREATE:
		return change(r, do_create, rest, e);
	case EVENT_UPDATE:
		return change(r, do_update, rest, e);
	case EVENT_DELETE:
		return change(r, do_delete, rest, e);
	case EVENT_REVOKE:
		return change(r, do_revoke, rest, e);
	case EVENT_PACKET:
		return do_packet(r, rest, e);
	case EVENT_ARP:
		return do_arp(r, rest, e);
	case EVENT_ERROR:
		return do_error(r, rest, e);
	case EVENT_FRAGMENT:
		return do_fragment(r, rest, e);
	case EVENT_REPLY:
	case EVENT_AGAIN:
	case EVENT_FORWARD:
		return do_follow(r, kind, rest, e);
	case EVENT_ADVANCE:
		return advance(r, rest);
	case EVENT_COLLECT:
		return world_collect(r->world, e);
	case EVENT_RESTART:
		return world_restart(r->world, e);
	case EVENT_UPLINK:
		r->uplink = true;
		reference_uplink(r->reference);
		return world_uplink(r->world, e);
	default:
		return err_set(e, -EINVAL, "InternalError", "", "no event: %s", line);
	}
}

/* ---- a run ---- */

static uint64_t real_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ull + (uint64_t)ts.tv_nsec;
}

int run_open(struct run *r, struct err *e)
{
	int rc;

	*r = (struct run){0};
	rc = world_open(&r->world, e);
	if (rc)
		return rc;
	r->reference = reference_new();
	r->deliveries = calloc(DELIVERIES_MAX, sizeof(*r->deliveries));
	r->senders = calloc(SENDERS_MAX, sizeof(*r->senders));
	if (!r->reference || !r->deliveries || !r->senders)
		return err_sys(e, -ENOMEM, "run");
	reference_model(r->reference, model_of(r));
	r->began_ns = real_ns();
	return 0;
}

void run_done(struct run *r)
{
	world_close(r->world);
	reference_free(r->reference);
	free(r->deliveries);
	free(r->senders);
	r->world = NULL;
	r->reference = NULL;
	r->deliveries = NULL;
	r->senders = NULL;
}

bool run_stalled(const struct run *r)
{
	return real_ns() - r->began_ns > 900000000ull;
}

int script_run(const struct script *s, struct run *r, size_t *ret_line, struct err *e)
{
	int rc = 0;

	for (*ret_line = 0; *ret_line < s->n; ++*ret_line) {
		rc = run_line(r, s->lines[*ret_line], e);
		if (rc || r->difference[0])
			break;
	}
	return rc;
}

void figures_add(struct figures *to, const struct figures *from)
{
	for (int i = 0; i < EVENT_KIND_COUNT; i++)
		to->events[i] += from->events[i];
	for (int i = 0; i < DROP_REASON_COUNT; i++)
		to->verdicts[i] += from->verdicts[i];
	to->refused += from->refused;
	to->topologies++;
}

void figures_print(const struct figures *f)
{
	uint64_t packets = 0;

	for (int i = 0; i < DROP_REASON_COUNT; i++)
		packets += f->verdicts[i];
	printf("%llu topologies, %llu packets; changes refused by the model: %llu; runs given up "
	       "since time ran away: %llu\n",
	       (unsigned long long)f->topologies, (unsigned long long)packets,
	       (unsigned long long)f->refused, (unsigned long long)f->stalled);
	for (int i = 0; i < EVENT_KIND_COUNT; i++)
		printf("  event   %-24s %9llu\n", event_names[i], (unsigned long long)f->events[i]);
	for (int i = 0; i < DROP_REASON_COUNT; i++)
		if (f->verdicts[i])
			printf("  verdict %-24s %9llu %5.1f %%\n",
			       drop_reason_name((enum drop_reason)i),
			       (unsigned long long)f->verdicts[i],
			       100.0 * (double)f->verdicts[i] / (double)packets);
}
