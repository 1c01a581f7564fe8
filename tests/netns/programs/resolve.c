/* SPDX-License-Identifier: MIT
 * getaddrinfo() of whichever libc it is linked with: resolve NAME… prints each name's addresses.
 */
#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list = NULL;
		int rc = getaddrinfo(argv[i], "80", &hints, &list);

		printf("%s:", argv[i]);
		if (rc)
			printf(" error %d", rc);
		for (struct addrinfo *a = list; a; a = a->ai_next) {
			char text[INET6_ADDRSTRLEN];
			const void *addr =
				a->ai_family == AF_INET6
					? (const void *)&((struct sockaddr_in6 *)a->ai_addr)
						  ->sin6_addr
					: (const void *)&((struct sockaddr_in *)a->ai_addr)
						  ->sin_addr;

			printf(" %s", inet_ntop(a->ai_family, addr, text, sizeof(text)));
		}
		printf("\n");
		if (list)
			freeaddrinfo(list);
	}
	return 0;
}
