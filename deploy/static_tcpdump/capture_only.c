/* What tcpdump is linked with here in place of its printers and of the C library's user database.

   This tcpdump writes packets (-w) and shows none: the printers are two thirds of the program, and it travels over the
   cluster's API server. It also runs where no /etc/passwd is: Debian's patches look up a user before each -w as
   root, by the name that -Z gives or, without -Z, by none. Here root is known by itself and no other user is. */

#include <config.h>

#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "netdissect-stdinc.h"
#include "netdissect.h"
#include "print.h"

struct passwd *getpwnam(const char *name)
{
	static char word[] = "root", nothing[] = "", home[] = "/";
	static struct passwd root;

	if (name != NULL && strcmp(name, word) != 0)
		return NULL;
	root.pw_name = word;
	root.pw_passwd = root.pw_gecos = root.pw_shell = nothing;
	root.pw_dir = home;
	return &root; /* user and group 0, as static storage is */
}

/* From root to root no group changes; asking all the same needs the capability SETGID. */
int initgroups(const char *name, gid_t group)
{
	(void)name, (void)group;
	return 0;
}

static void show_none(void)
{
	fputs("tcpdump: this one only writes packets to a file or a pipe: say where with -w\n", stderr);
	exit(1);
}

if_printer get_if_printer(int type)
{
	(void)type;
	show_none();
	return NULL;
}

void pretty_print_packet(netdissect_options *ndo, const struct pcap_pkthdr *h, const u_char *sp, u_int packets_captured)
{
	(void)ndo, (void)h, (void)sp, (void)packets_captured;
	show_none();
}

int has_printer(int type)
{
	(void)type;
	return 0;
}

void init_print(netdissect_options *ndo, uint32_t localnet, uint32_t mask)
{
	(void)ndo, (void)localnet, (void)mask;
}

void ndo_set_function_pointers(netdissect_options *ndo)
{
	(void)ndo;
}
