/* SPDX-License-Identifier: Apache-2.0
 *
 * What the old protocol need not send again.
 */
#include <stdio.h>
#include <string.h>

#include "harness.h"
#include "legacy_done.h"

static void passed_over(void)
{
	struct cp_done *root = cp_done_new(), *inner, *innermost;
	bool again;

	CHECK(root && !cp_done_has(root, "a"));
	cp_done_add(root, "a");
	cp_done_add(root, "a");
	CHECK(cp_done_has(root, "a") && !cp_done_has(root, "ab") && root->total == 1);
	inner = cp_done_enter(root, "d", &again);
	CHECK(inner && !again);
	cp_done_add(inner, "x");
	innermost = cp_done_enter(inner, "e", &again);
	cp_done_add(innermost, "y");
	CHECK(root->total == 3);
	/* The connection is cut. */
	cp_done_leave(inner, innermost, false);
	cp_done_leave(root, inner, false);
	CHECK(!cp_done_has(root, "d"));
	CHECK(cp_done_enter(root, "d", &again) == inner && again);
	CHECK(cp_done_has(inner, "x") && !cp_done_has(inner, "e"));
	CHECK(cp_done_enter(inner, "e", &again) == innermost && again && cp_done_has(innermost, "y"));
	cp_done_leave(inner, innermost, true);
	CHECK(cp_done_has(inner, "e") && root->total == 3);
	cp_done_leave(root, inner, true);
	CHECK(cp_done_has(root, "d") && root->total == 2);
	cp_done_free(root);
}

/* Another directory comes first, after a cut: what was known of the one is forgotten only when the other is
 * cut, too. */
static void another_order(void)
{
	struct cp_done *root = cp_done_new(), *one, *two;
	bool again;

	one = cp_done_enter(root, "one", &again);
	cp_done_add(one, "x");
	cp_done_leave(root, one, false);
	two = cp_done_enter(root, "two", &again);
	CHECK(two != one && !again);
	cp_done_leave(root, two, true);
	CHECK(cp_done_enter(root, "one", &again) == one && again);
	cp_done_leave(root, one, false);
	two = cp_done_enter(root, "other", &again);
	cp_done_leave(root, two, false);
	CHECK(root->total == 1);
	one = cp_done_enter(root, "one", &again);
	CHECK(!again && !cp_done_has(one, "x"));
	cp_done_leave(root, one, false);
	cp_done_free(root);
}

/* A server may send names without end. */
static void bounded(void)
{
	struct cp_done *root = cp_done_new(), *inner;
	static char name[5000];
	bool again;

	memset(name, 'n', sizeof(name) - 1);
	cp_done_add(root, name);
	CHECK(root->total == 0 && !cp_done_has(root, name));
	inner = cp_done_enter(root, "d", &again);
	for (int i = 0; i < (1 << 20) + 5; i++) {
		snprintf(name, sizeof(name), "%d", i);
		cp_done_add(inner, name);
	}
	CHECK(root->total == 1 << 20 && cp_done_has(inner, "7") && !cp_done_has(inner, name));
	cp_done_leave(root, inner, true);
	CHECK(root->total == 1 && cp_done_has(root, "d"));
	cp_done_free(root);
}

/* Without memory nothing is remembered, and nothing else goes wrong. */
static void nothing(void)
{
	bool again = true;

	cp_done_add(NULL, "a");
	CHECK(!cp_done_has(NULL, "a") && !cp_done_enter(NULL, "d", &again) && !again);
	cp_done_leave(NULL, NULL, true);
	cp_done_free(NULL);
}

int main(void)
{
	RUN(passed_over);
	RUN(another_order);
	RUN(bounded);
	RUN(nothing);
	return harness_end();
}
