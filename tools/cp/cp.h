/* SPDX-License-Identifier: Apache-2.0
 *
 * hawser cp. One thread, one loop; everything that moves data is driven by callbacks.
 *
 *   args location        what the user wrote
 *   connect prompt       getting in
 *   fit                  options that cannot hold for a copy
 *   copy                 which side is which, where each source goes
 *   expand               ~USER on a server
 *   relay_*              from one server to another
 *   glob                 patterns in names there
 *   legacy_*  wire       the old scp protocol
 *   program              another program in place of our connection
 *   upload_*  source     local files to the server: directories, files, where their bytes come from
 *   download_* sink      the other way
 *   local                both sides here
 *   remote_*  answers    requests that are answered whatever happens to the connections
 *   flow  rate           how much may be under way, and how fast
 *   report progress json what the user is told
 */
#ifndef CP_CP_H
#define CP_CP_H

/* `hawser cp ...`: ARGV[0] is "cp". Returns the exit status. */
int haw_tool_cp(int argc, char **argv);

#endif
