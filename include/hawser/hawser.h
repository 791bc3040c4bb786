/* SPDX-License-Identifier: Apache-2.0
 *
 * Everything: each public header of libhawser.
 */
#ifndef HAWSER_HAWSER_H
#define HAWSER_HAWSER_H

#include <hawser/agent.h>
#include <hawser/auth.h>
#include <hawser/backend.h>
#include <hawser/channel.h>
#include <hawser/client.h>
#include <hawser/config.h>
#include <hawser/error.h>
#include <hawser/hash.h>
#include <hawser/key.h>
#include <hawser/known_hosts.h>
#include <hawser/loop.h>
#include <hawser/message.h>
#include <hawser/resolver.h>
#include <hawser/sftp.h>
#include <hawser/stream.h>
#include <hawser/transport.h>

#endif
