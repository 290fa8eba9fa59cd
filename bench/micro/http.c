// What does a request cost beside libcurl's own? Floor, in the same run and turn by turn: a bare
// multi loop on uv with the same options, that builds nothing for a request but its URL. CPU time
// of the client's thread; the server is another process.
#include "sinks/lib/http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <curl/curl.h>

#include "sql/base/banned.h"

#define REQUESTS    20000
#define CONCURRENCY 16
#define BODY        200
#define ROUNDS      7

static char body[BODY];
static char url[100];
static uv_loop_t loop;
static int started, finished;

static double cpu_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

// ---- a server that knows how long each request is: head, blank line, BODY bytes

static void serve(int listener)
{
    static const char reply[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nETag: \"x\"\r\n\r\n";
    static struct pollfd fds[256];
    static char bytes[256][4096];
    static size_t held[256];
    int count = 1;
    fds[0] = (struct pollfd){.fd = listener, .events = POLLIN};
    while (poll(fds, (nfds_t)count, -1) > 0) {
        for (int i = count - 1; i >= 0; i--) {
            if (!fds[i].revents) {
                continue;
            }
            if (i == 0) {
                fds[count] = (struct pollfd){.fd = accept(listener, NULL, NULL), .events = POLLIN};
                held[count++] = 0;
                continue;
            }
            ssize_t n = read(fds[i].fd, bytes[i] + held[i], sizeof bytes[i] - held[i]);
            if (n <= 0) {
                close(fds[i].fd);
                count--;
                fds[i] = fds[count];
                memcpy(bytes[i], bytes[count], held[i] = held[count]);
                continue;
            }
            held[i] += (size_t)n;
            const char *end = memmem(bytes[i], held[i], "\r\n\r\n", 4);
            if (end && held[i] >= (size_t)(end - bytes[i]) + 4 + BODY) {
                held[i] = 0;
                if (write(fds[i].fd, reply, sizeof reply - 1) < 0) {
                    return;
                }
            }
        }
    }
}

// ---- ours

static struct wr_http *client;
static struct wr_http_request requests[CONCURRENCY];

static void on_done(struct wr_http_request *req, const struct wr_http_response *r)
{
    if (r->status != 200) {
        fprintf(stderr, "status %d %s\n", r->status, r->why ? r->why : "");
        exit(2);
    }
    finished++;
    if (started < REQUESTS) {
        started++;
        wr_http_send(client, req);
    }
}

static double run_ours(void)
{
    static const struct wr_http_header headers[] = {
        {WR_STR_INIT("Content-Type"), WR_STR_INIT("application/json")},
        {WR_STR_INIT("X-Amz-Date"), WR_STR_INIT("20260102T030405Z")},
        {WR_STR_INIT("Authorization"), WR_STR_INIT("AWS4-HMAC-SHA256 Credential=AKIA/2026")},
    };
    started = finished = 0;
    double from = cpu_us();
    for (int i = 0; i < CONCURRENCY; i++) {
        requests[i] = (struct wr_http_request){.method = "PUT",
                                               .url = wr_str_of(url),
                                               .headers = headers,
                                               .header_count = WR_COUNT(headers),
                                               .body = {body, sizeof body},
                                               .done = on_done};
        started++;
        wr_http_send(client, &requests[i]);
    }
    while (finished < REQUESTS) {
        uv_run(&loop, UV_RUN_ONCE);
    }
    return (cpu_us() - from) / REQUESTS;
}

// ---- bare

static CURLM *multi;
static uv_timer_t timer;
static CURL *easies[CONCURRENCY];

static size_t drop(char *at, size_t size, size_t count, void *user)
{
    return size * count;
}

static void take(void)
{
    int left;
    const CURLMsg *m;
    while ((m = curl_multi_info_read(multi, &left))) {
        CURL *e = m->easy_handle;
        curl_multi_remove_handle(multi, e);
        finished++;
        if (started < REQUESTS) {
            started++;
            curl_easy_setopt(e, CURLOPT_URL, url);
            curl_multi_add_handle(multi, e);
        }
    }
}

static void on_bare_poll(uv_poll_t *poll, int status, int events)
{
    int running, fd = (int)(intptr_t)poll->data;
    curl_multi_socket_action(multi, fd,
                             (events & UV_READABLE ? CURL_CSELECT_IN : 0) |
                                 (events & UV_WRITABLE ? CURL_CSELECT_OUT : 0),
                             &running);
    take();
}

static void on_bare_closed(uv_handle_t *handle)
{
    free(handle);
}

static int on_bare_socket(CURL *easy, curl_socket_t fd, int what, void *user, void *socket)
{
    uv_poll_t *p = socket;
    if (what == CURL_POLL_REMOVE) {
        if (p) {
            curl_multi_assign(multi, fd, NULL);
            uv_poll_stop(p);
            uv_close((uv_handle_t *)p, on_bare_closed);
        }
        return 0;
    }
    if (!p) {
        p = malloc(sizeof *p);
        uv_poll_init_socket(&loop, p, fd);
        p->data = (void *)(intptr_t)fd;
        curl_multi_assign(multi, fd, p);
    }
    uv_poll_start(
        p, (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0),
        on_bare_poll);
    return 0;
}

static void on_bare_timeout(uv_timer_t *t)
{
    int running;
    curl_multi_socket_action(multi, CURL_SOCKET_TIMEOUT, 0, &running);
    take();
}

static int on_bare_timer(CURLM *m, long ms, void *user)
{
    if (ms < 0) {
        uv_timer_stop(&timer);
    } else {
        uv_timer_start(&timer, on_bare_timeout, ms > 0 ? (uint64_t)ms : 1, 0);
    }
    return 0;
}

static void bare_open(void)
{
    multi = curl_multi_init();
    uv_timer_init(&loop, &timer);
    curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_bare_socket);
    curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_bare_timer);
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
    headers = curl_slist_append(headers, "X-Amz-Date: 20260102T030405Z");
    headers = curl_slist_append(headers, "Authorization: AWS4-HMAC-SHA256 Credential=AKIA/2026");
    headers = curl_slist_append(headers, "Expect:");
    for (int i = 0; i < CONCURRENCY; i++) {
        CURL *e = easies[i] = curl_easy_init();
        curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
        curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, 30000L);
        curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, 5000L);
        curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, drop);
        curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, drop);
        curl_easy_setopt(e, CURLOPT_HTTPHEADER, headers);
        curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE, (long)BODY);
        curl_easy_setopt(e, CURLOPT_POSTFIELDS, body);
        curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, "PUT");
    }
}

static double run_bare(void)
{
    started = finished = 0;
    double from = cpu_us();
    for (int i = 0; i < CONCURRENCY; i++) {
        started++;
        curl_easy_setopt(easies[i], CURLOPT_URL, url);
        curl_multi_add_handle(multi, easies[i]);
    }
    while (finished < REQUESTS) {
        uv_run(&loop, UV_RUN_ONCE);
    }
    return (cpu_us() - from) / REQUESTS;
}

static int order(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listener, (const struct sockaddr *)&at, len) || listen(listener, 64) ||
        getsockname(listener, (struct sockaddr *)&at, &len)) {
        perror("listen");
        return 2;
    }
    pid_t child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        serve(listener);
        _exit(0);
    }
    close(listener);
    signal(SIGPIPE, SIG_IGN);
    snprintf(url, sizeof url, "http://127.0.0.1:%u/bucket/key", ntohs(at.sin_port));
    memset(body, 'x', sizeof body);
    uv_loop_init(&loop);
    client = wr_http_new(&loop, &(struct wr_http_options){.per_host_max = CONCURRENCY});
    bare_open();
    double ours[ROUNDS], bare[ROUNDS];
    run_ours();
    run_bare();
    for (int r = 0; r < ROUNDS; r++) {
        ours[r] = run_ours();
        bare[r] = run_bare();
    }
    qsort(ours, ROUNDS, sizeof *ours, order);
    qsort(bare, ROUNDS, sizeof *bare, order);
    printf("PUT of %d bytes, %d at once, CPU time of the client, medians of %d rounds of %d\n",
           BODY, CONCURRENCY, ROUNDS, REQUESTS);
    printf(
        "sinks/lib/http %6.2f us/request\nbare libcurl   %6.2f us/request\nratio          %6.2f\n",
        ours[ROUNDS / 2], bare[ROUNDS / 2], ours[ROUNDS / 2] / bare[ROUNDS / 2]);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    return 0;
}
