// Starting, watching and stopping the demo's processes.
#include "engine/cli/demo_process.h"

#include "sql/base/clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "sql/base/banned.h"

#define BROKER_TRIES   5    // a port can be taken by others between our look and the broker's bind
#define BROKER_WAIT_MS 5000 // it listens after half a second

static void pause_ms(int ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = (ms % 1000) * 1000000L}, NULL);
}

static void child(char *const argv[], int log, pid_t parent)
{
    // Its own group, so that Ctrl-C reaches only the demo, which then stops things in order.
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) {
        _exit(126); // the demo died before the line above
    }
    dup2(log, STDOUT_FILENO);
    dup2(log, STDERR_FILENO);
    int null = open("/dev/null", O_RDONLY);
    dup2(null, STDIN_FILENO);
    signal(SIGPIPE, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execvp(argv[0], argv);
    dprintf(STDERR_FILENO, "%s: %s\n", argv[0], strerror(errno));
    _exit(127);
}

wr_err wr_demo_start(char *const argv[], const char *log, pid_t *pid, struct wr_fault *fault)
{
    int fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (fd < 0) {
        return wr_fault_set(fault, WR_ERR_IO, "%s: %s", log, strerror(errno));
    }
    pid_t parent = getpid();
    pid_t started = fork();
    if (started == 0) {
        child(argv, fd, parent);
    }
    close(fd);
    if (started < 0) {
        return wr_fault_set(fault, WR_ERR_IO, "cannot start %s: %s", argv[0], strerror(errno));
    }
    *pid = started;
    return WR_OK;
}

bool wr_demo_alive(pid_t pid, int *status)
{
    return waitpid(pid, status, WNOHANG) == 0;
}

int wr_demo_stop(pid_t pid, int grace_ms)
{
    int status = 0;
    kill(pid, SIGTERM);
    for (int waited = 0; waited < grace_ms; waited += 10) {
        if (!wr_demo_alive(pid, &status)) {
            return status;
        }
        pause_ms(10);
    }
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    return status;
}

static int free_port(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    int port = 0;
    if (fd >= 0 && bind(fd, (struct sockaddr *)&at, len) == 0 &&
        getsockname(fd, (struct sockaddr *)&at, &len) == 0) {
        port = ntohs(at.sin_port);
    }
    if (fd >= 0) {
        close(fd);
    }
    return port;
}

static bool listens(int port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    bool ok = fd >= 0 && connect(fd, (struct sockaddr *)&at, sizeof at) == 0;
    if (fd >= 0) {
        close(fd);
    }
    return ok;
}

static wr_err write_config(const char *folder, const char *path, int port, struct wr_fault *fault)
{
    FILE *f = fopen(path, "we");
    if (!f) {
        return wr_fault_set(fault, WR_ERR_IO, "%s: %s", path, strerror(errno));
    }
    fprintf(f,
            "listener %d 127.0.0.1\nallow_anonymous true\npersistence true\n"
            "persistence_location %s/\nmax_queued_messages 0\nlog_type error\nlog_type warning\n",
            port, folder);
    if (geteuid() == 0) {
        fprintf(f, "user root\n"); // else it gives up root and cannot write its folder
    }
    return fclose(f) == 0 ? WR_OK : wr_fault_set(fault, WR_ERR_IO, "%s: %s", path, strerror(errno));
}

void wr_demo_last_line(const char *log, char *out, size_t size)
{
    out[0] = '\0';
    FILE *f = fopen(log, "re");
    char *line = NULL;
    size_t cap = 0;
    ssize_t len;
    while (f && (len = getline(&line, &cap, f)) > 0) {
        snprintf(out, size, "%.*s", (int)(len - (line[len - 1] == '\n')), line);
    }
    free(line);
    if (f) {
        fclose(f);
    }
}

wr_err wr_demo_broker(const char *folder, pid_t *pid, int *port, struct wr_fault *fault)
{
    char config[4096], log[4096], why[256];
    snprintf(config, sizeof config, "%s/mosquitto.conf", folder);
    snprintf(log, sizeof log, "%s/mosquitto.log", folder);
    const char *path = getenv("PATH");
    char wider[8192];
    snprintf(wider, sizeof wider, "%s:/usr/sbin:/usr/local/sbin", path ? path : "/usr/bin:/bin");
    setenv("PATH", wider, 1); // Debian puts the broker into sbin, which users' paths lack
    char *argv[] = {(char[]){"mosquitto"}, (char[]){"-c"}, config, NULL};
    for (int attempt = 0; attempt < BROKER_TRIES; attempt++) {
        *port = free_port();
        wr_err err = write_config(folder, config, *port, fault);
        if (!err) {
            err = wr_demo_start(argv, log, pid, fault);
        }
        if (err) {
            return err;
        }
        int status = 0;
        for (int waited = 0; waited < BROKER_WAIT_MS; waited += 20) {
            if (!wr_demo_alive(*pid, &status)) {
                break;
            }
            if (listens(*port)) {
                return WR_OK;
            }
            pause_ms(20);
        }
        if (wr_demo_alive(*pid, &status)) {
            status = wr_demo_stop(*pid, 1000);
        }
        if (WIFEXITED(status) && WEXITSTATUS(status) == 127) {
            return wr_fault_set(fault, WR_ERR_MISSING,
                                "mosquitto is not installed: apt-get install mosquitto");
        }
    }
    wr_demo_last_line(log, why, sizeof why);
    return wr_fault_set(fault, WR_ERR_IO, "the broker does not start: %s", why);
}
