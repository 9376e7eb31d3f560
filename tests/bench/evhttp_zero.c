/* SPDX-License-Identifier: MIT */
/*
 * evhttp_zero - what evhttp can do at best: every request is answered at once
 * with the tracking API's answer. Prints its port.
 */
#include <stdio.h>
#include <stdlib.h>

#include <arpa/inet.h>

#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>

static void
answer(struct evhttp_request *request, void *arg)
{
	struct evbuffer *body = evbuffer_new();

	evbuffer_add_printf(body, "{\"success\":true}");
	evhttp_add_header(evhttp_request_get_output_headers(request),
	    "Content-Type", "application/json");
	evhttp_send_reply(request, 200, "OK", body);
	evbuffer_free(body);
}

int
main(void)
{
	struct event_base *base = event_base_new();
	struct evhttp *http = evhttp_new(base);
	struct evhttp_bound_socket *socket =
	    evhttp_bind_socket_with_handle(http, "127.0.0.1", 0);
	struct sockaddr_in in;
	socklen_t len = sizeof in;

	if (socket == NULL || getsockname(evhttp_bound_socket_get_fd(socket),
				  (struct sockaddr *)&in, &len) != 0) {
		perror("evhttp_zero");
		return EXIT_FAILURE;
	}
	evhttp_set_gencb(http, answer, NULL);
	printf("http://127.0.0.1:%d\n", ntohs(in.sin_port));
	fflush(stdout);
	event_base_dispatch(base);
	return EXIT_SUCCESS;
}
