/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto-backends/ipsecmb/workspace.h"

#include <stdlib.h>

static IMB_MGR *new_manager(const struct haw_ipsecmb *l, init_mb_mgr_t init)
{
	IMB_MGR *mgr = alloc_mb_mgr(l->flags);

	if (!mgr)
		return NULL;
	init(mgr);
	/* It looks whether it runs on this processor and tests itself. */
	if (imb_get_errno(mgr) == 0)
		return mgr;
	free_mb_mgr(mgr);
	return NULL;
}

static void workspace_free(struct haw_ipsecmb_workspace *w)
{
	if (w->mgr)
		free_mb_mgr(w->mgr);
	if (w->pairs)
		free_mb_mgr(w->pairs);
	free(w->scratch);
	free(w);
}

static struct haw_ipsecmb_workspace *workspace_new(const struct haw_ipsecmb *l)
{
	struct haw_ipsecmb_workspace *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->mgr = new_manager(l, l->init);
	w->scratch = aligned_alloc(64, HAW_IPSECMB_SCRATCH);
	if (w->mgr && w->scratch)
		return w;
	workspace_free(w);
	return NULL;
}

struct haw_ipsecmb_workspace *haw_ipsecmb_borrow(struct haw_ipsecmb *l)
{
	struct haw_ipsecmb_workspace *w;

	pthread_mutex_lock(&l->lending);
	w = l->idle;
	if (w)
		l->idle = w->next;
	pthread_mutex_unlock(&l->lending);
	return w ? w : workspace_new(l);
}

void haw_ipsecmb_return(struct haw_ipsecmb *l, struct haw_ipsecmb_workspace *w)
{
	pthread_mutex_lock(&l->lending);
	w->next = l->idle;
	l->idle = w;
	pthread_mutex_unlock(&l->lending);
}

IMB_MGR *haw_ipsecmb_pairs(const struct haw_ipsecmb *l, struct haw_ipsecmb_workspace *w)
{
	if (!w->pairs && l->init_pairs && l->init_pairs != l->init)
		w->pairs = new_manager(l, l->init_pairs);
	return w->pairs ? w->pairs : w->mgr;
}
