// What stands in connect.sh and README.txt.
#include "engine/admin/device_texts.h"

#include "sql/base/banned.h"

// As one word of a shell, whatever is in it.
static void add_quoted(struct wr_buf *out, wr_str text)
{
    wr_buf_add_char(out, '\'');
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] == '\'') {
            wr_buf_add(out, WR_STR("'\\''"));
        } else {
            wr_buf_add_char(out, text.at[i]);
        }
    }
    wr_buf_add_char(out, '\'');
}

static void add_constant(struct wr_buf *out, const char *name, wr_str value)
{
    wr_buf_addf(out, "%s=", name);
    add_quoted(out, value);
    wr_buf_add_char(out, '\n');
}

static const char head[] =
    "#!/bin/sh\n"
    "# Connects to the broker as this device, with the files beside this script: subscribes to "
    "its\n"
    "# topics, publishes one message, and waits for it. No secret is in here. Needs mosquitto_sub\n"
    "# and mosquitto_pub.\n"
    "#\n"
    "#     ./connect.sh                  exit status 0: the message came back\n"
    "#     KEY=FILE ./connect.sh         with a private key that is not in this package\n"
    "#     PASSPHRASE=… ./connect.sh     for an encrypted key; without it openssl asks\n"
    "set -eu\n"
    "\n"
    "# As in config.json.\n";

// mosquitto_sub and mosquitto_pub are two clients, and a broker ends the older of two with one id.
// A policy may allow the thing's name only: then mosquitto_rr does both over one connection.
static const char body[] =
    "\n"
    "dir=$(CDPATH='' cd -- \"$(dirname -- \"$0\")\" && pwd)\n"
    "say() { printf '%s\\n' \"connect.sh: $*\" >&2; }\n"
    "die() { status=$1; shift; say \"$*\"; exit \"$status\"; }\n"
    "for tool in mosquitto_sub mosquitto_pub; do\n"
    "    command -v $tool > /dev/null ||\n"
    "        die 2 \"$tool is not installed (Debian: apt-get install mosquitto-clients)\"\n"
    "done\n"
    "key=${KEY:-${private_key:+$dir/$private_key}}\n"
    "[ -n \"$key\" ] ||\n"
    "    die 2 'this package has no private key (README.txt says why): KEY=FILE ./connect.sh'\n"
    "[ -r \"$key\" ] || die 2 \"$key: cannot be read\"\n"
    "\n"
    "work=$(mktemp -d)\n"
    "pid=\n"
    "trap '[ -z \"$pid\" ] || kill \"$pid\" 2> /dev/null; rm -rf \"$work\"' EXIT\n"
    "trap 'exit 130' INT\n"
    "trap 'exit 143' TERM\n"
    "if grep -q 'BEGIN ENCRYPTED PRIVATE KEY' \"$key\"; then\n"
    "    # mosquitto's clients ask for a pass phrase each; this asks once. mktemp's folder is ours "
    "alone.\n"
    "    openssl pkey -in \"$key\" -out \"$work/key\" ${PASSPHRASE:+-passin env:PASSPHRASE} ||\n"
    "        die 1 \"$key: wrong pass phrase, or openssl is not installed\"\n"
    "    key=$work/key\n"
    "fi\n"
    "\n"
    "filter=${prefix:+$prefix/}$client/#\n"
    "topic=${prefix:+$prefix/}$client/hello\n"
    "message=\"{\\\"hello\\\":\\\"$(date +%s)-$$\\\"}\"\n"
    "# What a client prints into a file arrives late unless it is told: stdbuf is of coreutils.\n"
    "lines=$(command -v stdbuf > /dev/null && echo 'stdbuf -oL' || true)\n"
    "tls() { tool=$1; shift; exec $lines \"$tool\" -h \"$endpoint\" -p \"$port\" --cafile "
    "\"$dir/$root_ca\" \\\n"
    "    --cert \"$dir/$certificate\" --key \"$key\" -q 1 \"$@\"; }\n"
    "count() { grep -c -- \"$1\" \"$work/heard\" || true; }\n"
    "\n"
    "say \"$endpoint:$port as $client\"\n"
    ": > \"$work/heard\"\n"
    "tls mosquitto_sub -d -i \"$client\" -t \"$filter\" -F 'heard %t %p' -W 20 > \"$work/heard\" "
    "2>&1 "
    "&\n"
    "pid=$!\n"
    "waited=0\n"
    "[ -n \"$lines\" ] || sleep 2\n"
    "until [ -z \"$lines\" ] || [ \"$(count '^Subscribed ')\" != 0 ]; do\n"
    "    kill -0 \"$pid\" 2> /dev/null && [ $waited -lt 100 ] || {\n"
    "        grep -v '^Client ' \"$work/heard\" >&2 || true\n"
    "        die 1 'no connection: is the certificate ACTIVE, does its policy allow iot:Connect?'\n"
    "    }\n"
    "    sleep 0.1\n"
    "    waited=$((waited + 1))\n"
    "done\n"
    "if grep -q 'Subscribed (mid: [0-9]*): *128' \"$work/heard\"; then\n"
    "    die 1 \"subscribing to $filter was refused: does the policy allow iot:Subscribe?\"\n"
    "fi\n"
    "say \"subscribed to $filter\"\n"
    "\n"
    "if (tls mosquitto_pub -i \"$client-hello\" -t \"$topic\" -m \"$message\" > \"$work/said\" "
    "2>&1); then\n"
    "    waited=0\n"
    "    until grep -qF \"heard $topic $message\" \"$work/heard\"; do\n"
    "        [ $waited -lt 50 ] || break\n"
    "        sleep 0.1\n"
    "        waited=$((waited + 1))\n"
    "    done\n"
    "fi\n"
    "kill \"$pid\" 2> /dev/null || true\n"
    "wait \"$pid\" 2> /dev/null || true\n"
    "pid=\n"
    "if ! grep -qF \"heard $topic $message\" \"$work/heard\" && command -v mosquitto_rr > "
    "/dev/null; "
    "then\n"
    "    say \"once more over one connection: a second client id may not be allowed\"\n"
    "    (tls mosquitto_rr -V 311 -i \"$client\" -e \"$topic\" -t \"$topic\" -m \"$message\" -W 10 "
    "\\\n"
    "        -F 'heard %t %p' >> \"$work/heard\" 2>> \"$work/said\") || true\n"
    "fi\n"
    "grep -F \"heard $topic $message\" \"$work/heard\" | head -n 1 | cut -d ' ' -f 2- || true\n"
    "if grep -qF \"heard $topic $message\" \"$work/heard\"; then\n"
    "    say 'connected, published and received'\n"
    "    exit 0\n"
    "fi\n"
    "cat \"$work/said\" >&2\n"
    "die 1 \"no message came back on $topic: does the policy allow iot:Publish and "
    "iot:Receive?\"\n";

void wr_device_texts_connect(const struct wr_device_package *what, struct wr_device_files *files)
{
    struct wr_buf *out = &files->connect.content;
    wr_str prefix = what->topic_prefix;
    while (prefix.len && prefix.at[prefix.len - 1] == '/') {
        prefix.len--;
    }
    wr_buf_add(out, wr_str_of(head));
    add_constant(out, "endpoint", what->endpoint);
    wr_buf_addf(out, "port=%u\n", (unsigned)what->port);
    add_constant(out, "client", what->thing);
    add_constant(out, "prefix", prefix);
    add_constant(out, "certificate", wr_buf_str(&files->certificate.name));
    add_constant(out, "private_key",
                 what->key ? wr_buf_str(&files->private_key.name) : (wr_str){NULL, 0});
    add_constant(out, "root_ca", wr_buf_str(&files->root.name));
    wr_buf_add(out, wr_str_of(body));
}

static void add_key_text(const struct wr_device_package *what, struct wr_buf *out, wr_str name)
{
    if (!what->key) {
        wr_buf_addf(out,
                    "The private key is not in this package: %.*s\n"
                    "Without it nobody can connect with this certificate. If the device made its "
                    "key itself,\n"
                    "put it beside the certificate. Otherwise have the certificate renewed: that "
                    "makes a new\n"
                    "key and a new certificate, and the package then holds both.\n",
                    WR_STR_ARG(what->no_key));
        return;
    }
    wr_buf_addf(
        out,
        "PROTECT %.*s. Whoever has it is this device. It was handed out once\n"
        "and weir does not have it any more unless its operator chose to keep keys: move it "
        "to the\n"
        "device over a safe way, mode 0600, and delete this package and its copies.\n%s",
        WR_STR_ARG(name),
        what->passphrase.len ? "It is encrypted (PKCS#8, AES-256) with the pass phrase that "
                               "was given for the download;\n"
                               "openssl pkey -in FILE -out FILE takes the pass phrase "
                               "away.\n"
                             : "");
}

void wr_device_texts_readme(const struct wr_device_package *what, struct wr_device_files *files)
{
    struct wr_buf *out = &files->readme.content;
    wr_str cert = wr_buf_str(&files->certificate.name);
    wr_str key = wr_buf_str(&files->private_key.name);
    wr_buf_addf(out, "Device package of %.*s\n\nTenant %.*s, region %.*s, certificate\n%.*s\n\n",
                WR_STR_ARG(what->thing), WR_STR_ARG(what->tenant), WR_STR_ARG(what->region),
                WR_STR_ARG(what->certificate_id));
    wr_buf_addf(out, "  %.*s\n      the device's certificate\n", WR_STR_ARG(cert));
    if (what->key) {
        wr_buf_addf(out, "  %.*s\n      its private key\n", WR_STR_ARG(key));
    }
    wr_buf_addf(out,
                "  root-CA.crt\n      the CA that signed the broker's certificate: what the device "
                "trusts\n"
                "  config.json\n      broker, client id, topics, names of these files\n"
                "  connect.sh\n      connects, subscribes, publishes one message, waits for it\n"
                "  MANIFEST.sha256\n      sha256sum -c MANIFEST.sha256 says whether all is whole\n"
                "\nThe device connects with MQTT over TLS to %.*s:%u, as client\n%.*s, and its "
                "topics begin with %.*s%s%.*s/.\n\n",
                WR_STR_ARG(what->endpoint), (unsigned)what->port, WR_STR_ARG(what->thing),
                WR_STR_ARG(what->topic_prefix),
                what->topic_prefix.len && what->topic_prefix.at[what->topic_prefix.len - 1] != '/'
                    ? "/"
                    : "",
                WR_STR_ARG(what->thing));
    add_key_text(what, out, key);
    wr_buf_add(out, WR_STR("\nTo change the key (rotate): make a second certificate, attach it to "
                           "the thing and its policies,\n"
                           "give it to the device, and set the first one INACTIVE when the device "
                           "has connected with\n"
                           "the second. If the key may be known to others: set the certificate "
                           "REVOKED at once.\n"));
}
