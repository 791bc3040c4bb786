/* SPDX-License-Identifier: Apache-2.0
 *
 * Which host key algorithms go first: those that known hosts can judge, in ssh's order.
 */
#include <string.h>

#include "transport/client/client.h"
#include "transport/hostkey/hostkey.h"

enum { TYPES_MAX = 32 };

struct known_types {
	const char *names[TYPES_MAX];
	size_t count;
	bool authority;
};

/* Is a plain key known that could stand inside what ALGORITHM presents? */
static bool is_known_plainly(const struct known_types *types, haw_span algorithm)
{
	bool certificate;
	const struct haw_signature_algorithm *found = haw_key_algorithm_find(algorithm, &certificate);

	for (size_t i = 0; found && i < types->count; i++)
		if (strcmp(types->names[i], found->key_type) == 0)
			return true;
	return false;
}

/* A certificate could also come from an authority that is known for the host. */
static bool is_known(const struct known_types *types, haw_span algorithm)
{
	bool certificate;

	haw_key_algorithm_find(algorithm, &certificate);
	return (certificate && types->authority) || is_known_plainly(types, algorithm);
}

static void append(struct haw_client *client, size_t *at, haw_span name)
{
	if (*at + name.len + 2 > sizeof(client->host_keys))
		return;
	if (*at > 0)
		client->host_keys[(*at)++] = ',';
	memcpy(client->host_keys + *at, name.ptr, name.len);
	*at += name.len;
}

void haw_client_order_host_keys(struct haw_client *client, const char *list)
{
	const haw_span all = {(const uint8_t *)list, strlen(list)};
	haw_span rest = all, name;
	struct known_types types;
	uint16_t port;
	const char *host = haw_client_known_name(client, &port);
	size_t at = 0;

	types.count = haw_known_hosts_key_types(client->known_hosts, host, port, types.names, TYPES_MAX);
	if (types.count > TYPES_MAX)
		types.count = TYPES_MAX;
	types.authority = haw_known_hosts_has_authority(client->known_hosts, host, port);
	/* If the best of all can be judged, the order stays: a certificate that is not believed is judged by
	 * the key inside. */
	if (haw_list_next(&rest, &name) && is_known_plainly(&types, name)) {
		append(client, &at, all);
	} else {
		for (int known = 1; known >= 0; known--)
			for (rest = all; haw_list_next(&rest, &name);)
				if (is_known(&types, name) == known)
					append(client, &at, name);
	}
	client->host_keys[at] = '\0';
}
