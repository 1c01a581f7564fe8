/* SPDX-License-Identifier: MIT
 * Loading a topology file, in three steps: the file becomes a list of entries (topology_read.c),
 * what the lab has and the list has not is deleted, and each entry is made to hold, in the order of
 * their dependencies (topology.c). Private to model/.
 */
#ifndef VPCD_MODEL_TOPOLOGY_LOAD_H
#define VPCD_MODEL_TOPOLOGY_LOAD_H

#include "model/topology.h"

/* A key of the file and the field of the kind that it stands for; NULL: handled by itself. */
struct key {
	const char *key, *field;
};
/* Keys of a kind's block, terminated by {0}; NULL for kinds that are no block of their own. */
const struct key *block_keys(enum kind_id kind);

/* A map of the file, keyed by name, and the kind of what is in it. Both end with {0}. */
struct block {
	const char *key;
	enum kind_id kind;
};
extern const struct block top_blocks[], vpc_blocks[];

/* One object that the file wants. */
struct entry {
	enum kind_id kind;
	char *name;
	char *vpc; /* name of the VPC that it is nested in; NULL: none */
	char pointer[256];
	const struct json *body; /* of the file's document; NULL: none */
	struct json *spec;	 /* what the body says in the kind's own fields */
	bool failed;		 /* has a fault, or depends on one that has */
	char id[40];
};

struct load {
	struct txn *t;
	const char *text;
	size_t len;
	const char *directory;
	bool adopt; /* see topology_load() */
	char *lab;
	struct json *doc;
	struct entry *v;
	size_t n, cap;
	struct faults *faults;
	bool no_memory;
};

/* Parses the text and lists its entries; faults are collected. */
void topology_read(struct load *l, const char *lab_override, const char *lab_default);

/* Adds a fault at pointer[/tail]; key: the position is the key's, not the value's. */
void fault_add(struct load *l, const char *pointer, const char *tail, bool key,
	       const struct err *e);
void fault_format(struct load *l, const char *pointer, const char *tail, bool key, const char *code,
		  const char *fmt, ...) __attribute__((format(printf, 6, 7)));

/* Adds words to the message of the last fault. */
void fault_append(struct load *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Is it? Otherwise a fault at pointer[/tail]. */
bool value_is_type(struct load *l, const struct json *j, enum json_type type, const char *pointer,
		   const char *tail);

/* What a route may lead to, in the order in which names are looked up. */
#define N_ROUTE_TARGETS 6
extern const struct route_target_kind {
	enum kind_id kind;
	const char *field; /* of a route */
	bool of_vpc;	   /* names are looked up in the table's VPC */
} route_targets[N_ROUTE_TARGETS];
/* Sets the field of a route's record that a destination belongs to. */
void route_set_destination(struct json *record, const char *text);

/* Shorthands of the file become the kinds' own records (topology_short.c). Routes once all names
 * are known. */
void expand_routes(struct load *l, struct entry *e);
void expand_acl_entries(struct load *l, struct entry *e);
void expand_list_entries(struct load *l, struct entry *e);

/* The object that an entry had when the lab was loaded last; lab NULL: one that belongs to no lab.
 */
const struct object *entry_object(struct load *l, const struct entry *e, const char *lab);
/* What belongs to no lab and is the file's by kind and name becomes the lab's, with what came along
 * with it (topology_adopt.c). */
void topology_adopt(struct load *l);
/* The object that another comes and goes with (a rule: its group); NULL: it stands alone. */
const char *object_owner(const struct model *m, const struct object *o);
/* An object of an entry's kind and name that belongs to no lab; NULL: none. */
const struct object *unowned_namesake(const struct model *m, enum kind_id kind, const char *name);

/* NULL: none. vpc NULL: of any. */
struct entry *entry_find(struct load *l, enum kind_id kind, const char *name, const char *vpc);

/* "a/b" as one segment of a JSON pointer (RFC 6901); returns buf. */
const char *pointer_escape(const char *key, char *buf, size_t len);

/* Whether an object came along with another and is no entry of a file: a main route table, a
 * default group or ACL, an attached interface, an automatic address. */
bool object_came_along(const struct object *o);
/* Names in a VPC of its own: "shop/web"; otherwise the name, or the id. malloc'd. */
char *object_label(const struct model *m, const struct object *o);

/* Has the object this lab? */
bool object_of_lab(const struct object *o, const char *lab);

/* A growing list of ids; arg of ids_add: struct ids. */
struct ids {
	size_t n, cap;
	char (*v)[40];
};
void ids_add(void *arg, const struct object *o);

/* Deletes an object of a lab with what depends on it: referrers forget it where they can, and go
 * otherwise. One that is not of the lab stands in the way: DependencyViolation. */
int delete_deep(struct txn *t, const char *lab, const char *id, struct err *e);
int patch_null(struct txn *t, const char *id, const char *field, struct err *e);

/* The VPC that an entry is nested in, by id; NULL: none. */
const char *entry_vpc_id(struct load *l, const struct entry *e);
bool entry_has_ipv6(struct load *l, const struct entry *e); /* that VPC */
/* A fault of the model at the key of the file that it is about; the entry fails. */
void entry_fault(struct load *l, struct entry *e, const struct err *err);
bool entry_is_failed(struct load *l, enum kind_id kind, const char *name, const char *vpc);

/* Make the rules of a group, and the records of a zone, what its entry says. */
void sync_rules(struct load *l, struct entry *e);
void sync_records(struct load *l, struct entry *e);
/* Default groups and ACLs that the file does not name: as they were made. */
void reset_rules(struct load *l, const char *group_id);
void reset_acl(struct txn *t, const char *acl_id);
/* A VPC or subnet that is about to lose or change its IPv6 block (`wanted`, NULL: none) lets go of
 * what the lab has in it: subnets' blocks, interfaces' addresses. */
int release_ipv6(struct txn *t, const char *lab, const struct object *o, const struct json *wanted,
		 struct err *e);

/* What the transaction did. -ENOMEM. */
int topology_steps(struct txn *t, struct plan_steps *ret);

#endif
