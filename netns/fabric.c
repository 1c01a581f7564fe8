/* SPDX-License-Identifier: MIT
 * The fabric: opening, adopting and purging it, and the attachments in it.
 *
 * Order of an attachment's steps: namespace, link (pending), file, what lies in the namespace, and
 * at last one message that makes the link an attachment. Detaching goes the other way. Whatever a
 * killed daemon leaves is thus a pending link, which the next start deletes, or a file without a
 * link, which the next attachment of that id replaces.
 */
#include "netns/fabric.h"

#include <limits.h>
#include <linux/bpf.h>
#include <linux/nsfs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <time.h>

#include "netns/endpoint.h"
#include "netns/mount.h"
#include "netns/userns.h"
#include "netns/veth.h"

#define FABRIC_ID  "fabric"
#define ID_MAX	   200
#define REAP_AFTER 500000000ull
#define NSEC_PER_S 1000000000ull

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * NSEC_PER_S + t.tv_nsec;
}

static int program_id(int prog_fd, uint32_t *ret, struct err *e)
{
	struct bpf_prog_info info = {0};
	union bpf_attr attr = {
		.info = {.bpf_fd = prog_fd, .info_len = sizeof(info), .info = (uintptr_t)&info},
	};

	if (syscall(SYS_bpf, BPF_OBJ_GET_INFO_BY_FD, &attr, sizeof(attr)))
		return err_sys(e, -errno, "look up program");
	*ret = info.id;
	return 0;
}

/* A group has links or not; either way none is left. */
static int group_delete(struct rtnl *r, enum veth_group group, struct err *e)
{
	struct batch b = {0};
	int rc;

	veth_group_delete(&b, group);
	rc = batch_send(&b, r, e);
	return rc == -ENODEV ? 0 : rc;
}

/* The fabric's namespace that stands, or a new one. */
static int fabric_namespace(struct fabric *f, bool *ret_made, struct err *e)
{
	cleanup_close int fd = nsfile_open(f->dir, FABRIC_ID, NULL);
	int rc;

	*ret_made = fd < 0;
	if (fd >= 0)
		return TAKE_FD(fd);
	rc = nsfile_remove(f->dir, FABRIC_ID, e);
	if (rc)
		return rc;
	fd = netns_new_fabric(f->home_fd, e);
	if (fd < 0)
		return fd;
	rc = nsfile_bind(f->dir, FABRIC_ID, fd, e);
	return rc ? rc : TAKE_FD(fd);
}

/* ret_made: whether it was new, and so goes again on failure. */
static int fabric_start(struct fabric *f, const char *run_dir, bool *ret_made, struct err *e)
{
	int rc = program_id(f->cfg.prog_fd, &f->prog_id, e);

	if (rc)
		return rc;
	f->home_fd = netns_current(e);
	if (f->home_fd < 0)
		return f->home_fd;
	rc = nsdir_open(run_dir, &f->dir, e);
	if (rc)
		return rc;
	f->net_fd = fabric_namespace(f, ret_made, e);
	if (f->net_fd < 0)
		return f->net_fd;
	rc = netns_visit(f->net_fd, f->home_fd, false, &f->rtnl, e);
	if (!rc)
		rc = group_delete(&f->rtnl, VETH_PENDING, e);
	if (!rc)
		rc = group_delete(&f->rtnl, VETH_DYING, e);
	return rc;
}

int fabric_open(const struct fabric_config *cfg, struct fabric **ret, struct err *e)
{
	struct fabric *f = calloc(1, sizeof(*f));
	bool made = false;
	int rc;

	if (!f)
		return err_sys(e, -ENOMEM, "fabric");
	f->cfg = *cfg;
	f->cfg.run_dir = NULL;
	f->home_fd = f->net_fd = -1;
	f->rtnl = RTNL_CLOSED;
	rc = fabric_start(f, cfg->run_dir, &made, e);
	if (rc) {
		fabric_close(f);
		if (made)
			nsdir_purge(cfg->run_dir, NULL);
		return err_wrap(e, "fabric");
	}
	*ret = f;
	return 0;
}

void fabric_close(struct fabric *f)
{
	if (!f)
		return;
	pool_done(f);
	rtnl_close(&f->rtnl);
	if (f->net_fd >= 0)
		close(f->net_fd);
	if (f->home_fd >= 0)
		close(f->home_fd);
	free(f->dir);
	free(f);
}

/* Deleting the links takes their peers out of foreign namespaces before we return. */
static int links_purge(const char *dir, struct err *e)
{
	static const enum veth_group groups[] = {VETH_ATTACHED, VETH_PENDING, VETH_DYING};
	cleanup_close int fd = nsfile_open(dir, FABRIC_ID, NULL);
	cleanup_close int home = fd < 0 ? -1 : netns_current(e);
	struct rtnl r = RTNL_CLOSED;
	int rc;

	if (fd < 0)
		return 0;
	if (home < 0)
		return home;
	rc = netns_visit(fd, home, false, &r, e);
	for (size_t i = 0; !rc && i < ARRAY_SIZE(groups); i++)
		rc = group_delete(&r, groups[i], e);
	rtnl_close(&r);
	return rc;
}

int fabric_purge(const char *run_dir, struct err *e)
{
	cleanup_free char *dir = NULL;
	int rc;

	if (asprintf(&dir, "%s/ns", run_dir) < 0)
		return err_sys(e, -ENOMEM, "purge fabric");
	rc = links_purge(dir, e);
	if (!rc)
		rc = nsdir_purge(run_dir, e);
	return rc ? err_wrap(e, "purge fabric") : 0;
}

int fabric_fd(const struct fabric *f)
{
	return f->net_fd;
}

/* Whether the link's peer is in the namespace that the file of its alias holds. */
static bool namespace_alive(struct fabric *f, const struct veth_state *l)
{
	cleanup_close int fd = -1;
	int netnsid;

	/* A link to a foreign namespace lives exactly as long as that. */
	if (nsfile_kind(f->dir, l->alias) == NSFILE_FOREIGN)
		return true;
	fd = nsfile_open(f->dir, l->alias, NULL);
	return fd >= 0 && l->netnsid >= 0 && !netnsid_get(&f->rtnl, fd, &netnsid, NULL) &&
	       netnsid == l->netnsid;
}

/* The attachment of an id: 1, or 0 if there is none. */
static int attachment_find(struct fabric *f, const char *id, struct veth_state *ret, struct err *e)
{
	cleanup_free struct veth_state *links = NULL;
	size_t n = 0;
	int rc = veth_list(&f->rtnl, &links, &n, e);

	for (size_t i = 0; !rc && i < n; i++) {
		if (links[i].group != VETH_ATTACHED || strcmp(links[i].alias, id))
			continue;
		*ret = links[i];
		return 1;
	}
	return rc;
}

static int link_delete(struct fabric *f, uint32_t ifindex, struct err *e)
{
	struct batch b = {0};
	int rc;

	veth_delete(&b, ifindex);
	rc = batch_send(&b, &f->rtnl, e);
	return rc == -ENODEV ? 0 : rc;
}

/* Makes room for an attachment: removes what is left of a broken one, refuses for a whole one. */
static int leftovers_remove(struct fabric *f, const struct attachment_spec *spec, bool pooled,
			    struct err *e)
{
	bool file = nsfile_kind(f->dir, spec->id) != NSFILE_NONE;
	struct veth_state l;
	int found = pooled ? 0 : veth_get(&f->rtnl, spec->ifindex, &l, e);
	int rc = 0;

	if (found > 0 && l.group == VETH_ATTACHED && strcmp(l.alias, spec->id))
		return err_sys(e, -EEXIST, "interface index %u is of %s", spec->ifindex, l.alias);
	if (!found && file)
		found = attachment_find(f, spec->id, &l, e);
	if (found < 0)
		return found;
	if (found && l.group == VETH_ATTACHED && namespace_alive(f, &l))
		return err_sys(e, -EEXIST, "interface %u", l.ifindex);
	if (found)
		rc = link_delete(f, l.ifindex, e);
	return rc || !file ? rc : nsfile_remove(f->dir, spec->id, e);
}

static int attachment_commit(struct fabric *f, struct endpoint *ep,
			     const struct attachment_spec *spec, struct err *e)
{
	struct batch b = {0};

	veth_commit(&b, ep->ifindex, spec->id, spec->mtu);
	return batch_send(&b, &f->rtnl, e);
}

/* What follows the link. */
static int attachment_finish(struct fabric *f, struct endpoint *ep,
			     const struct attachment_spec *spec, struct err *e)
{
	int rc = ep->foreign ? nsfile_link(f->dir, spec->id, spec->netns_path, e)
			     : nsfile_bind(f->dir, spec->id, ep->net_fd, e);

	if (rc)
		return rc;
	rc = endpoint_configure(ep, spec, e);
	if (!rc)
		rc = attachment_commit(f, ep, spec, e);
	if (rc)
		nsfile_remove(f->dir, spec->id, NULL);
	return rc;
}

static int attachment_make(struct fabric *f, const struct attachment_spec *spec, struct err *e)
{
	const char *ifname = spec->ifname ? spec->ifname : PEER_NAME;
	struct endpoint ep;
	bool pooled = !spec->netns_path && pool_take(f, spec->ifindex, &ep);
	int rc = leftovers_remove(f, spec, pooled, e);

	if (!rc && !pooled)
		rc = spec->netns_path ? endpoint_new_foreign(f, spec, ifname, &ep, e)
				      : endpoint_new(f, spec->ifindex, &ep, e);
	if (rc) {
		if (pooled)
			endpoint_undo(f, &ep);
		return rc;
	}
	rc = attachment_finish(f, &ep, spec, e);
	if (rc)
		endpoint_undo(f, &ep);
	else
		endpoint_done(&ep);
	return rc;
}

/* Ids name files and are kept whole in aliases. */
static bool id_is_valid(const char *id)
{
	return *id && *id != '.' && strlen(id) <= ID_MAX && !strchr(id, '/') &&
	       strcmp(id, FABRIC_ID);
}

int fabric_attach(struct fabric *f, const struct attachment_spec *spec, struct err *e)
{
	if (!id_is_valid(spec->id) || !spec->ifindex || spec->ifindex > INT_MAX)
		return err_sys(e, -EINVAL, "attach \"%s\" as interface %u", spec->id,
			       spec->ifindex);
	return attachment_make(f, spec, e) ? err_wrap(e, "attach %s", spec->id) : 0;
}

int fabric_readdress(struct fabric *f, const struct attachment_spec *old,
		     const struct attachment_spec *spec, struct err *e)
{
	cleanup_close int fd = fabric_open_netns(f, spec->id, e);
	const char *ifname = spec->ifname ? spec->ifname : PEER_NAME;
	struct rtnl r = RTNL_CLOSED;
	int rc = fd < 0 ? fd : netns_visit(fd, f->home_fd, false, &r, e), peer = 0;

	if (!rc) {
		peer = link_find(&r, ifname, e);
		rc = peer < 0 ? peer : peer ? 0 : err_sys(e, -ENODEV, "look up %s", ifname);
	}
	if (!rc)
		rc = endpoint_readdress(&r, (uint32_t)peer, old, spec, e);
	rtnl_close(&r);
	return rc ? err_wrap(e, "change addresses of %s", spec->id) : 0;
}

static int link_detach(struct fabric *f, uint32_t ifindex, bool foreign, struct err *e)
{
	struct batch b = {0};
	int rc;

	if (foreign)
		return link_delete(f, ifindex, e);
	veth_group_set(&b, ifindex, VETH_DYING);
	rc = batch_send(&b, &f->rtnl, e);
	if (!rc && !f->dying_since)
		f->dying_since = now_ns();
	return rc == -ENODEV ? 0 : rc;
}

/* Whether the file of that id is another link's: two of one id, of which one goes. */
static bool file_is_of_another(struct fabric *f, const char *id, uint32_t ifindex)
{
	cleanup_close int fd = nsfile_open(f->dir, id, NULL);
	struct veth_state l;
	int netnsid;

	if (fd < 0 || nsfile_kind(f->dir, id) == NSFILE_FOREIGN)
		return false;
	if (ifindex && veth_get(&f->rtnl, ifindex, &l, NULL) > 0)
		return !netnsid_get(&f->rtnl, fd, &netnsid, NULL) && netnsid != l.netnsid;
	return attachment_find(f, id, &l, NULL) > 0 && namespace_alive(f, &l);
}

int fabric_detach(struct fabric *f, const char *id, uint32_t ifindex, struct err *e)
{
	struct endpoint unused;
	bool keep_file;
	int rc = 0;

	if (!id_is_valid(id))
		return err_sys(e, -EINVAL, "detach \"%s\"", id);
	keep_file = file_is_of_another(f, id, ifindex);
	if (pool_take(f, ifindex, &unused))
		endpoint_undo(f, &unused);
	else if (ifindex)
		rc = link_detach(f, ifindex, nsfile_kind(f->dir, id) == NSFILE_FOREIGN, e);
	if (!rc && !keep_file)
		rc = nsfile_remove(f->dir, id, e);
	return rc ? err_wrap(e, "detach %s", id) : 0;
}

int fabric_reap(struct fabric *f, struct err *e)
{
	int rc;

	if (!f->dying_since || now_ns() - f->dying_since < REAP_AFTER)
		return 0;
	rc = group_delete(&f->rtnl, VETH_DYING, e);
	if (!rc)
		f->dying_since = 0;
	return rc;
}

int fabric_open_netns(struct fabric *f, const char *id, struct err *e)
{
	return id_is_valid(id) ? nsfile_open(f->dir, id, e)
			       : err_sys(e, -EINVAL, "open namespace of \"%s\"", id);
}

int fabric_open_userns(struct fabric *f, const char *id, struct err *e)
{
	cleanup_close int net = fabric_open_netns(f, id, e);
	int fd;

	if (net < 0)
		return net;
	fd = ioctl(net, NS_GET_USERNS);
	return fd < 0 ? err_sys(e, -errno, "open user namespace of %s", id) : fd;
}

int fabric_list(struct fabric *f, int (*fn)(void *arg, const struct attachment_state *a), void *arg,
		struct err *e)
{
	cleanup_free struct veth_state *links = NULL;
	size_t n = 0;
	int rc = veth_list(&f->rtnl, &links, &n, e);

	for (size_t i = 0; !rc && i < n; i++) {
		struct attachment_state a = {
			.ifindex = links[i].ifindex,
			.id = links[i].alias,
			.up = links[i].up,
		};
		int has;

		if (links[i].group != VETH_ATTACHED)
			continue;
		has = veth_has_program(&f->rtnl, a.ifindex, f->prog_id, e);
		if (has < 0)
			return has;
		a.has_program = has;
		a.namespace_alive = namespace_alive(f, &links[i]);
		rc = fn(arg, &a);
	}
	return rc;
}

int fabric_attach_program(struct fabric *f, uint32_t ifindex, struct err *e)
{
	struct batch b = {0};

	veth_program_add(&b, ifindex, f->cfg.prog_fd);
	return batch_send(&b, &f->rtnl, e) ? err_wrap(e, "attach program to interface %u", ifindex)
					   : 0;
}
