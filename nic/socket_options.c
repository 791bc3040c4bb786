/* SPDX-License-Identifier: Apache-2.0
 *
 * What is set on a socket before it connects: where it comes from and how it is treated on the way.
 */
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#include "nic/loop.h"

static socklen_t length_of(const struct sockaddr *address)
{
	return address->sa_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
}

static bool is_link_local(const struct sockaddr *address)
{
	return address->sa_family == AF_INET6 &&
	       IN6_IS_ADDR_LINKLOCAL(&((const struct sockaddr_in6 *)address)->sin6_addr);
}

static int bind_to(int fd, const struct sockaddr *address)
{
	return bind(fd, address, length_of(address)) == 0 ? 0 : errno;
}

/* To an address of the interface NAME: of the family of TO, and link-local only if TO is. */
static int bind_interface(int fd, const char *name, const struct sockaddr *to)
{
	struct ifaddrs *list, *at;
	int result = EADDRNOTAVAIL;

	if (getifaddrs(&list) != 0)
		return errno;
	for (at = list; at && result == EADDRNOTAVAIL; at = at->ifa_next)
		if (at->ifa_addr && (at->ifa_flags & IFF_UP) && strcmp(at->ifa_name, name) == 0 &&
		    at->ifa_addr->sa_family == to->sa_family &&
		    is_link_local(at->ifa_addr) == is_link_local(to))
			result = bind_to(fd, at->ifa_addr);
	freeifaddrs(list);
	return result;
}

int haw_socket_set_options(int fd, const struct haw_socket_options *options, const struct sockaddr *to)
{
	int on = 1, class = options->traffic_class;

	/* These two change how the connection fares, not where it leads: they are not worth failing for. */
	if (options->keep_alive)
		(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	if (options->has_traffic_class && to->sa_family == AF_INET)
		(void)setsockopt(fd, IPPROTO_IP, IP_TOS, &class, sizeof(class));
	else if (options->has_traffic_class)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_TCLASS, &class, sizeof(class));
	if (options->from)
		return bind_to(fd, options->from);
	if (options->bind_interface)
		return bind_interface(fd, options->bind_interface, to);
	return 0;
}
