/* SPDX-License-Identifier: MIT
 * The model in memory. Internal to model.
 *
 * There is one index with two views of it: the committed state, and what the open transaction
 * sees. An entry stands for one id and holds up to two versions of its object, the committed one
 * and, once the transaction touched it, the pending one. Names and references of both versions are
 * posted under their text; a posting counts in a view if its version is the one that the view sees.
 * So reading needs no copying, a transaction costs what it touches, and abort forgets the pending
 * versions.
 */
#ifndef VPCD_MODEL_MODEL_H
#define VPCD_MODEL_MODEL_H

#include <uthash.h>

#include "model/store.h"

struct model_entry {
	char id[sizeof(((struct object *)0)->id)];
	const struct kind *kind;
	struct object *committed, *pending; /* owned; NULL: absent in that view */
	bool touched;			    /* pending counts */
	bool edited;			    /* pending is not posted until the next look */
	bool deleting;			    /* txn_delete is under way */
	struct model_entry *prev, *next;    /* of the kind, in order of creation */
	struct model_entry *touched_prev, *touched_next;
	struct model_entry *edited_next;
	UT_hash_handle hh;
};

/* One mention of a text (a name or an id) by a version of an object. */
struct posting {
	struct object *version;
	const struct field *field; /* outermost field of the reference; NULL: a name */
	unsigned flags;		   /* of the reference, all levels */
	bool in_record;
};

struct postings {
	size_t n, cap;
	struct posting *v;
	UT_hash_handle hh;
	char text[];
};

struct model_index {
	struct model_entry *entries;
	struct model_entry *kinds[KIND_COUNT];
	struct postings *names, *refs;
	struct model_entry *touched; /* in order */
	struct model_entry *edited;
	struct model committed, pending;
};

struct model_index *model_index_new(void);
void model_index_free(struct model_index *ix); /* NULL ok; frees all versions */

struct model_entry *model_entry_find(const struct model_index *ix, const char *id);
/* An entry without a version, last of its kind. NULL: out of memory. */
struct model_entry *model_entry_add(struct model_index *ix, const struct kind *k, const char *id);
void model_entry_remove(struct model_index *ix, struct model_entry *entry); /* versions stay */

/* Post a version's name and references, or take them back. */
int model_post(struct model_index *ix, struct object *version);
void model_unpost(struct model_index *ix, struct object *version);
/* Takes the pending version's postings back until the next look, for it is about to change. */
void model_edit(struct model_index *ix, struct model_entry *entry);
/* Posts what was edited. */
void model_settle(struct model_index *ix);

/* The version that a view sees; NULL: none. */
struct object *model_seen(const struct model *m, const struct model_entry *entry);
/* Postings under a text, in both views; NULL: none. They move with the next change. */
const struct postings *model_named(const struct model *m, const char *name);
const struct postings *model_postings(const struct model *m, const char *id);

#endif
