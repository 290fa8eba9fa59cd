// The table of commands, help and version. Knows what commands are called, not what they do.
#include "engine/cli/cli.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "engine/cli/control_client.h"
#include "engine/cli/control_verbs.h"
#include "engine/cli/help.h"
#include "engine/rules/document.h"

#include "sql/base/banned.h"

#define COMMANDS_MAX 64 // rows of the table, for the list of names

const struct wr_cli_command wr_cli_commands[] = {
    {"run", "[-c FILE] [--check] [--status-file FILE] [--OPTION VALUE]...",
     "take messages from a broker, run the rules, perform their actions",
     "  -c, --config FILE    configuration; without it ./weir.yaml if there is one\n"
     "  --check              read configuration and rules, report, and end: 1 if a rule is "
     "refused\n"
     "  --status-file FILE   write the counters there as JSON, every second\n"
     "  --OPTION VALUE       any option of weir.yaml, listed below\n"
     "\n"
     "Runs in the foreground. SIGHUP reloads configuration and rules, SIGUSR1 logs the\n"
     "counters, SIGTERM and SIGINT finish what is under way and stop.\n"
     "\n"
     "examples:\n"
     "  weir run\n"
     "  weir run -c /etc/weir/weir.yaml --check\n"
     "  weir run --mqtt-url mqtt://broker.example:1883 --rules-dir ./rules\n",
     true, wr_cli_run},
    {"demo", "[--for SECONDS] [--keep] [--examples FOLDER]",
     "a private broker, sample devices, example rules: see what arrives where",
     "  --for SECONDS        end after this time; without it Ctrl-C ends the demo\n"
     "  --keep               keep the folder with results and logs, below TMPDIR or /tmp\n"
     "  --examples FOLDER    weir.yaml and rules to run; without it ./examples\n"
     "\n"
     "Starts a mosquitto of its own on a free port of 127.0.0.1, weir with the example rules, and\n"
     "devices that publish; shows what arrives, and at the end what was delivered. Exit 0 only if\n"
     "every example rule delivered. Nothing stays running.\n"
     "\n"
     "examples:\n"
     "  weir demo\n"
     "  weir demo --for 10\n",
     false, wr_cli_demo},
    {"eval",
     "'SQL' [-t TOPIC] [-p JSON|@FILE|-] [--sql-version V] [--fuel N] [--memory SIZE] | --cases "
     "FILE|-",
     "one statement on one message",
     "  -t, --topic TOPIC    the message's topic; without it one that matches FROM\n"
     "  -p, --payload TEXT   the message: JSON, @FILE, or - for standard input; without it {}\n"
     "  --sql-version V      2015-10-08, 2016-03-23 (without it) or beta\n"
     "  --fuel STEPS         steps the evaluation may take, default 10000000\n"
     "  --memory SIZE        memory it may take, default 64M\n"
     "  --cases FILE|-       answer conformance cases, one JSON object a line\n"
     "\n"
     "Prints the result: exit 0. No match: exit 1. A statement that is invalid: exit 2.\n"
     "\n"
     "examples:\n"
     "  weir eval \"SELECT temperature FROM 'room/+'\" -p '{\"temperature\": 21.5}'\n"
     "  weir eval \"SELECT * FROM '#' WHERE level > 3\" -t a/b -p @message.json\n",
     false, wr_cli_eval},
    {"explain",
     "'SQL'|RULE.json [-t TOPIC] [-p JSON|@FILE|-] [--message FILE[:LINE]] [--json] [OPTION]...",
     "a rule taken apart; why a message did or did not match",
     "  -t, --topic TOPIC      the message's topic; without it one that matches FROM\n"
     "  -p, --payload TEXT     the message: JSON, @FILE, or - for standard input\n"
     "  --message FILE[:LINE]  instead of both: a line of a message file or of a suite, the first\n"
     "                         without LINE\n"
     "  --context FILE         a case's context as a JSON object: client id and the like, and "
     "what\n"
     "                         look-ups answer\n"
     "  --program              with a message: the rule itself as well\n"
     "  --sql-version V        explain the rule in this version\n"
     "  --messages FILE        with --sql-version: what the rule would do otherwise in that "
     "version\n"
     "                         on each message of the file\n"
     "  --json                 one JSON object\n"
     "\n"
     "Without a message: what the rule reads, what an index could use, constants, look-ups, "
     "limits,\n"
     "and the program. With one: its topic level by level, the term of WHERE that decided, the "
     "value\n"
     "of every sub-expression, the outgoing payload, the templates.\n"
     "\n"
     "Exit 0: explained, and the message, if there is one, matches; or the versions do not "
     "differ.\n"
     "1: it does not match; or they differ. 2: invalid, or wrong usage.\n"
     "\n"
     "examples:\n"
     "  weir explain examples/rules/hot_readings.json\n"
     "  weir explain examples/rules/hot_readings.json -t site/kiln/reading -p '{\"temp\": 25}'\n"
     "  weir explain rule.json --sql-version 2015-10-08 --messages recorded.jsonl\n",
     false, wr_cli_explain},
    {"test", "PATH... [OPTION]...", "run suites of cases for rules: passes, differences, coverage",
     "  PATH                 a suite, or a folder with suites: files *.jsonl, a case a line;\n"
     "                       - for standard input\n"
     "  --filter TEXT        only cases whose id holds TEXT; with * ? [] a pattern for the whole "
     "id\n"
     "  --fail-fast          end at the first case that does not pass\n"
     "  --tap                results as TAP\n"
     "  --json               results and coverage as one JSON object\n"
     "  --junit FILE         results also as JUnit XML\n"
     "  --coverage           which conditions, items and templates of each rule the cases have "
     "seen\n"
     "  --coverage-html FILE the same as a page; --coverage-json FILE for programs\n"
     "  --min-coverage N     exit 1 below N percent\n"
     "  --update             take what came out of failed cases as expected: shows it and asks\n"
     "  --yes                the answer to --update\n"
     "\n"
     "Exit 0: every case passed, or was updated. 1: one failed, or coverage is below the minimum.\n"
     "2: wrong usage, or a suite or a case that is none. docs/testing.md says what a case holds.\n"
     "\n"
     "examples:\n"
     "  weir test examples/tests\n"
     "  weir test tests --coverage --min-coverage 90 --junit report.xml\n"
     "  weir test tests --filter 'kiln-*' --update\n",
     false, wr_cli_test},
    {"check", "PATH... [--json] [--sarif FILE] [--param NAME=VALUE]... | --explain CODE | --codes",
     "rules against AWS's limits and traps, before they are deployed",
     "  PATH                 a file or a folder with rule documents (JSON, YAML), CloudFormation\n"
     "                       templates (JSON, YAML) or plans and states of Terraform\n"
     "                       (terraform show -json)\n"
     "  --param NAME=VALUE   a parameter of the template, or Resource.Attribute, or AWS::Region; "
     "in a\n"
     "                       plan ADDRESS.ATTRIBUTE, as in aws_iot_topic_rule.r.s3[0].bucket_name\n"
     "  --table NAME=KEY[,SORTKEY]  keys of a DynamoDB table, for dynamoDBv2\n"
     "  --ignore CODE        leave a finding out; in one rule: weir-check: ignore CODE in its\n"
     "                       description\n"
     "  --strict             exit 1 for warnings too\n"
     "  --lenient            unknown members are warnings: AWS may be newer than this weir\n"
     "  --json               findings as a JSON array\n"
     "  --sarif FILE|-       findings also as SARIF 2.1.0, for code hosts\n"
     "  --explain CODE       why a finding bites, and what to do\n"
     "  --codes              every code; with --markdown as a page\n"
     "\n"
     "Exit 0: no error. 1: errors were found. 2: wrong usage, or a file that cannot be read.\n"
     "\n"
     "examples:\n"
     "  weir check rules/\n"
     "  weir check template.yaml --param Environment=prod --param AWS::Region=eu-west-1\n"
     "  terraform show -json plan.bin > plan.json && weir check plan.json --sarif check.sarif\n",
     false, wr_cli_check},
    {"record",
     "-o FILE [--url URL | --running] [-f FILTER]... [--for SECONDS] [--count N] [OPTION]...",
     "write what a broker publishes, or what a running weir has kept, to a message file",
     "  -o, --out FILE       a message a line as JSON; gzip when the name ends in .gz; - for\n"
     "                       standard output\n"
     "  --url URL            the broker; without it mqtt.url of weir.yaml\n"
     "  -f, --filter FILTER  what to subscribe to, as often as wanted; without it #\n"
     "  --for SECONDS        end after this time; without it Ctrl-C or SIGTERM ends it\n"
     "  --count N            end after N messages\n"
     "  --append             go on with FILE if it is there\n"
     "  --raw                every payload in base64, for files that other programs write anew\n"
     "  --qos 0|1            quality of service to subscribe with, 1 without it\n"
     "  --retain-as-published  MQTT 5: live messages keep their retain flag, and what the broker "
     "kept\n"
     "                       before is left out\n"
     "  --client-id ID       without it weir-record- and a random number\n"
     "  --running            the last messages that came to a running weir (ring.bytes), role "
     "admin\n"
     "  --last N             with --running: the last N of them; without it all\n"
     "  --socket FILE        with --running: its socket; without it admin.socket\n"
     "  --json               the summary on standard output\n"
     "  -c, --config FILE    weir.yaml with the connection; without it ./weir.yaml if there is "
     "one\n"
     "  --mqtt-NAME VALUE    the options mqtt.* of weir.yaml: 'weir help options'\n"
     "\n"
     "A new session each time: a lost connection is told, connected again, and leaves a gap. What "
     "is\n"
     "written is whole lines at any moment. Exit 0: all was recorded. 1: something is missing (no\n"
     "connection, a gap, disk full). 2: wrong usage.\n"
     "\n"
     "examples:\n"
     "  weir record -o day.jsonl.gz --url mqtt://broker.example -f 'site/#'\n"
     "  weir record -o sample.jsonl -f 'site/+/reading' --count 1000 --for 60\n"
     "  weir record --running -o last.jsonl --last 1000\n",
     false, wr_cli_record},
    {"bench", "[--rules FOLDER] [--messages FILE | --generate NAME] [OPTION]...",
     "how many messages a second rules take, and what each costs",
     "  --rules FOLDER       rule documents; without it those of the generator\n"
     "  --messages FILE      a message file (weir record); without it the generator's\n"
     "  --generate NAME      made from a seed; without --rules and --messages: small\n"
     "      small            200 bytes, WHERE passes one in ten, four columns\n"
     "      passthrough      200 bytes, SELECT *, topic(4)\n"
     "      wide             2 KB with 60 members, three are read\n"
     "      functions        regular expression, upper(), arithmetic, a query over 8 objects\n"
     "      arrays           4 to 31 objects in an array, queried\n"
     "      fan-in           each rule has a filter of its own, each message one of the topics\n"
     "      many             all rules on one topic: two equalities and a range each\n"
     "  --generate-rules N, --generate-messages N, --seed N\n"
     "  --rounds N           7 without it; the median counts. 1: no warm-up, exactly --count "
     "messages\n"
     "  --count N            messages of a round, cycling through the file; without it what takes "
     "0.3 s\n"
     "  --sink null|count    null without it: actions do nothing; count: records are counted\n"
     "  --mqtt URL           through this broker instead of in process: another process publishes "
     "there\n"
     "  --qos 0|1            with --mqtt; 1 without it\n"
     "  --workers N          threads that evaluate, as weir run's workers: 0 to 16; 0 without it\n"
     "  --top N              rules shown, the dearest first; 10 without it\n"
     "  --json               one JSON object\n"
     "\n"
     "Everything is loaded first and evaluated in process, on one thread, as weir run does it; no\n"
     "action leaves, look-ups fail. Times are CPU times of that thread; with workers of all, so "
     "that\n"
     "only the wall time shows what they gain. With --mqtt the messages are published on their\n"
     "topics: take a broker that nobody else uses.\n"
     "\n"
     "examples:\n"
     "  weir bench\n"
     "  weir bench --rules rules --messages day.jsonl.gz\n"
     "  weir bench --generate many --generate-rules 10000 --json\n"
     "  weir bench --mqtt mqtt://localhost --qos 0\n",
     false, wr_cli_bench},
    {"replay", "FILE... --url URL | --rules FOLDER | --diff FOLDER FOLDER [OPTION]...",
     "message files into a broker, through rules, or through two versions of them",
     "  FILE                 message files (weir record), in this order; .gz; - for standard "
     "input\n"
     "  --url URL            publish them to this broker\n"
     "  --rules FOLDER       evaluate the rules on them; no action is performed\n"
     "  --diff OLD NEW       which messages come out differently with the rules in NEW\n"
     "\n"
     "which messages:\n"
     "  --from, --to TIME    by timestamp, TO excluded: 2026-11-27T08:00:00Z, a date, or ms since "
     "1970\n"
     "  --count N            at most N\n"
     "  --topic-prefix TEXT  put TEXT before every topic\n"
     "\n"
     "with --url:\n"
     "  --speed FACTOR|max   1 without it: as it was; 2: twice as fast; max: without pauses\n"
     "  --qos 0|1|2          instead of each message's own\n"
     "  --client-id ID       without it weir-replay- and a random number\n"
     "  -c, --config FILE    weir.yaml with the connection (its mqtt.url too)\n"
     "  --mqtt-NAME VALUE    the options mqtt.* of weir.yaml: 'weir help options'\n"
     "\n"
     "with --rules:\n"
     "  --results FILE       what each action would be sent, a JSON line for each rule and message "
     "that\n"
     "                       matches or fails\n"
     "\n"
     "with --diff:\n"
     "  --examples N         differences shown in full for each rule, 3 without it, 0 for none\n"
     "\n"
     "  --json               the summary for programs\n"
     "\n"
     "Exit 0: all is published; evaluated; no difference. 1: some were not published; a "
     "difference.\n"
     "2: wrong usage, bad input, a rule that is refused.\n"
     "\n"
     "examples:\n"
     "  weir replay day.jsonl.gz --url mqtt://localhost --speed 10\n"
     "  weir replay day.jsonl.gz --rules rules --results results.jsonl\n"
     "  weir replay day.jsonl.gz --diff rules rules-new\n",
     false, wr_cli_replay},
    {"sinks", "[NAME] [--json]",
     "what each sink can be told, in rules and in weir.yaml, and its modes",
     "  --json               for programs\n"
     "\n"
     "Without NAME: every sink.\n"
     "\n"
     "examples:\n"
     "  weir sinks\n"
     "  weir sinks s3\n",
     false, wr_cli_sinks},
    {"local", "ls|cat|tail SERVICE [NAME] [KEY] [--json] [OPTION]...",
     "what the local forms of the actions hold",
     "  local ls s3 [BUCKET [PREFIX]]    buckets, or a bucket's objects with size and time\n"
     "  local cat s3 BUCKET KEY          an object's bytes\n"
     "  local tail s3 BUCKET [PREFIX]    objects as they arrive or change\n"
     "  local ls dynamodb                tables\n"
     "  local cat dynamodb TABLE         a table's items\n"
     "  local tail dynamodb TABLE        items as they are written\n"
     "  local ls lambda                  functions that have results\n"
     "  local cat lambda FUNCTION        a function's results\n"
     "  local tail lambda FUNCTION       results as they come\n"
     "  local ls sqs                     queues, with how many messages\n"
     "  local cat sqs QUEUE              a queue's messages; looking is not receiving\n"
     "  local tail sqs QUEUE             messages as they are sent\n"
     "  local ls sns                     topics\n"
     "  local cat sns TOPIC              a topic's publications\n"
     "  local tail sns TOPIC             publications as they come\n"
     "  local ls kinesis                 shards of streams\n"
     "  local cat kinesis STREAM [SHARD]    records, shard by shard\n"
     "  local tail kinesis STREAM [SHARD]   records as they are put\n"
     "  local ls firehose [STREAM]       delivery streams, or a stream's files\n"
     "  local cat firehose STREAM [FILE] records of a stream, or of one file\n"
     "  local tail firehose STREAM       records as they are put\n"
     "  local ls kafka                   partitions of topics\n"
     "  local cat kafka TOPIC [PARTITION]   records, partition by partition\n"
     "  local tail kafka TOPIC [PARTITION]  records as they are sent\n"
     "  local ls logs                    streams of log groups\n"
     "  local cat logs GROUP [STREAM]    log events\n"
     "  local ls metrics                 namespaces\n"
     "  local cat metrics NAMESPACE [NAME]    count, sum, least, greatest, last value of metrics\n"
     "  local ls alarms                  alarms and their states\n"
     "  local cat alarms ALARM           changes of an alarm's state\n"
     "  local ls timestream              tables, with how many records\n"
     "  local cat timestream DATABASE [TABLE]    records\n"
     "  local ls "
     "stepfunctions|opensearch|elasticsearch|iotevents|iotanalytics|iotsitewise|location|influxdb\n"
     "  local cat SERVICE NAME           executions of a state machine, documents of an index, …\n"
     "                                   tail shows all of these as they come\n"
     "\n"
     "  --json               JSON Lines\n"
     "  --for SECONDS        tail: end after this time; without it Ctrl-C ends it\n"
     "  -c, --config FILE    where to find the state folder; without it ./weir.yaml if there is "
     "one\n"
     "  --state-dir FOLDER   the state folder itself\n"
     "\n"
     "examples:\n"
     "  weir local ls s3\n"
     "  weir local cat s3 my-bucket 2024/readings.json\n"
     "  weir local tail dynamodb Readings --json\n",
     false, wr_cli_local},
    {"dead", "list|show|redrive|purge [ID]... [FILTER]... [--yes] [--json]",
     "dead letters: what neither an action nor the error action took",
     "  dead list            one line a letter, oldest first\n"
     "  dead show ID...      everything that is known of a letter\n"
     "  dead redrive         deliver again, under the old delivery id, what failed and not what "
     "was\n"
     "                       delivered: now by the weir that runs, else by the next weir run\n"
     "  dead purge           throw away for good\n"
     "\n"
     "  ID, --id ID          delivery id, or its begin\n"
     "  --rule NAME          only of this rule\n"
     "  --reason WORD        refused, expired, template, error-refused, error-expired,\n"
     "                       error-template, error-document, no-sink or queue-full\n"
     "  --older DURATION     at least so old, such as 90s, 12h or 7d\n"
     "  --newer DURATION     at most so old\n"
     "  --limit N            the first N of them\n"
     "  --yes                redrive and purge: do not ask\n"
     "  --json               JSON Lines: id, rule, reason, time, topic, payload, result, actions\n"
     "  -c, --config FILE    where to find the state folder; without it ./weir.yaml if there is "
     "one\n"
     "  --state-dir FOLDER   the state folder itself\n"
     "  --socket FILE        redrive and purge: the socket of the weir that runs\n"
     "\n"
     "Beside a weir that runs, redrive (role operator) and purge (role admin) ask it over its "
     "socket.\n"
     "Exit 0: done. 1: no such letter, or not all could be done. 2: wrong usage.\n"
     "\n"
     "examples:\n"
     "  weir dead list --rule alerts --newer 1d\n"
     "  weir dead show 3f2a91\n"
     "  weir dead redrive --reason error-expired --yes\n",
     false, wr_cli_dead},
    {"top", "[--once] [--json] [--interval SECONDS] [--sort messages|cost|failures]",
     "live table of a running weir: rules, rates, cost of a message, queues",
     "  --once               the rates of one interval, then end\n"
     "  --json               one JSON object an interval\n"
     "  --interval SECONDS   from 0.1 on; without it 1\n"
     "  --sort WORD          rules by messages, cost or failures\n"
     "  --socket FILE        the socket; without it admin.socket, or admin.sock in the state "
     "folder\n"
     "  -c, --config FILE    where to find the socket; without it ./weir.yaml if there is one\n"
     "  --state-dir FOLDER   the state folder itself\n"
     "\n"
     "Keys: q or Ctrl-C ends it; m, c and f sort. The cost of a rule is the mean of one "
     "evaluation;\n"
     "one of metrics.sample messages is timed. Role reader.\n"
     "Exit 0: done. 1: no weir runs here, or it refused. 2: wrong usage.\n"
     "\n"
     "examples:\n"
     "  weir top\n"
     "  weir top --once --json --interval 5\n",
     false, wr_cli_top},
    {"trace", "--rule NAME [--topic FILTER] [--why] [--payload] [--sample N] [--count N] [--json]",
     "live: what a rule of a running weir does with each message, and why",
     "  --rule NAME          the rule\n"
     "  --topic FILTER       only messages of these topics\n"
     "  --why                of messages that do not match: the term of WHERE that decided\n"
     "  --payload            payloads too, at most 1024 bytes (role admin)\n"
     "  --sample N           one of N messages\n"
     "  --count N            end after N messages and what becomes of them\n"
     "  --json               JSON Lines: time, topic, traceId, outcome, reason, term, result, "
     "action\n"
     "  --socket FILE        the socket; without it admin.socket, or admin.sock in the state "
     "folder\n"
     "  -c, --config FILE    where to find the socket; without it ./weir.yaml if there is one\n"
     "  --state-dir FOLDER   the state folder itself\n"
     "\n"
     "A line for each message that reached the rule, then one for each answer of an action. "
     "Results\n"
     "are shown to the role admin, other than that operator is enough. What comes too fast is "
     "left\n"
     "out and counted. Ctrl-C ends it.\n"
     "Exit 0: done. 1: no weir runs here, no such rule, or it refused. 2: wrong usage.\n"
     "\n"
     "examples:\n"
     "  weir trace --rule alerts --why\n"
     "  weir trace --rule alerts --topic 'site/kiln/#' --sample 100 --json\n",
     false, wr_cli_trace},
    {"admin", "[METHOD] /PATH [BODY] [--socket FILE] [--follow] | backup FILE",
     "one call to the admin socket of a running weir; a backup of the registry",
     "  METHOD               without it GET, with a BODY POST\n"
     "  /PATH                such as /weir/v1/status, /metrics, /readyz\n"
     "  --socket FILE        the socket; without it admin.socket, or admin.sock in the state "
     "folder\n"
     "  --follow             an answer without an end: as long as it comes; else 30 seconds\n"
     "  -c, --config FILE    where to find the socket; without it ./weir.yaml if there is one\n"
     "  --state-dir FOLDER   the state folder itself\n"
     "\n"
     "  backup FILE          copy the registry (tenants, things, certificates, rules of the API)\n"
     "                       of the state folder, also while weir runs, and check the copy. To\n"
     "                       restore: stop weir, put it in the place of registry.db, remove\n"
     "                       registry.db-wal and registry.db-shm\n"
     "\n"
     "Prints the answer. Who may do what: admin.users, admin.groups.\n"
     "Exit 0: done. 1: no weir runs here, or it refused. 2: wrong usage.\n"
     "\n"
     "examples:\n"
     "  weir admin /weir/v1/status\n"
     "  weir admin /metrics --state-dir /var/lib/weir\n"
     "  weir admin backup /backup/registry-$(date +%F).db\n",
     false, wr_cli_admin},
    {"console", "[--no-open] [--tenant NAME] [--socket FILE]",
     "the console in a browser: prints a link that logs in, and opens it",
     "  --no-open            only print it; it is opened where there is a desktop\n"
     "  --tenant NAME        log in for this tenant; without it for all of them\n"
     "  --socket FILE        the admin socket; without it admin.socket, or admin.sock in the state "
     "folder\n"
     "  -c, --config FILE    where to find the socket; without it ./weir.yaml if there is one\n"
     "  --state-dir FOLDER   the state folder itself\n"
     "\n"
     "The link works once, within five minutes. The console is at admin.listen of the weir that\n"
     "runs; from another machine: ssh -L 8081:127.0.0.1:8081 HOST.\n"
     "Exit 0: done. 1: no weir runs here, or it refused. 2: wrong usage.\n"
     "\n"
     "examples:\n"
     "  weir console\n"
     "  weir console --no-open --state-dir /var/lib/weir\n",
     false, wr_cli_console},
    {"audit", "verify|list [FILE] [--after NUMBER] [--tenant NAME] [--json]",
     "the audit log: who changed what; whether somebody changed the log",
     "  audit verify         walk the chain, through the files that are kept beside audit.log "
     "too:\n"
     "                       each line holds the SHA-256 of the one before. "
     "Prints\n"
     "                       the number and the sum of the last line: note them elsewhere to see\n"
     "                       later whether lines were cut off\n"
     "  audit list           the lines, oldest first\n"
     "\n"
     "  FILE                 a copy of the log; without it audit.log in the state folder\n"
     "  --after NUMBER       lines behind this one\n"
     "  --tenant NAME        lines of this tenant and about it\n"
     "  --json               list: the lines as they are; verify: for programs\n"
     "  -c, --config FILE    where to find the state folder; without it ./weir.yaml if there is "
     "one\n"
     "  --state-dir FOLDER   the state folder itself\n"
     "\n"
     "Exit 0: done, and the chain holds. 1: it does not. 2: wrong usage, or no such file.\n"
     "\n"
     "examples:\n"
     "  weir audit verify\n"
     "  weir audit list --tenant acme --after 1200\n",
     false, wr_cli_audit},
    {"tenant", WR_CONTROL_USAGE(WR_TENANT_VERBS),
     "tenants: their features, their access keys and tokens",
     WR_CONTROL_DETAILS(
         WR_TENANT_VERBS) "\n"
                          "examples:\n"
                          "  weir tenant create acme --enable\n"
                          "  weir tenant feature acme iot.topic_prefix plant/7/\n"
                          "  export $(weir tenant key create acme --role operator --ttl 1h)\n",
     false, wr_cli_tenant},
    {"thing", WR_CONTROL_USAGE(WR_THING_VERBS), "the things of a tenant: devices and the like",
     WR_CONTROL_DETAILS(WR_THING_VERBS) "\n"
                                        "CERTIFICATE is an id, the begin of one, or an ARN. "
                                        "package: --cert is wanted when\n"
                                        "several are attached; without --out the file is NAME.zip; "
                                        "with --passphrase-file (its\n"
                                        "first line) the key in it is encrypted.\n"
                                        "\n"
                                        "examples:\n"
                                        "  weir thing create lamp1 --attribute room=hall\n"
                                        "  weir thing list --json\n"
                                        "  weir thing package lamp1 --out lamp1.zip\n",
     false, wr_cli_thing},
    {"rule", WR_CONTROL_USAGE(WR_RULE_VERBS), "the topic rules of a tenant",
     WR_RULE_VERBS(WR_CONTROL_LINE_) WR_RULE_MEMBERS WR_CONTROL_COMMON_HELP
     "\n"
     "examples:\n"
     "  weir rule create hot --sql \"SELECT * FROM 'a/+' WHERE "
     "temp > 30\" --action "
     "'{\"republish\": {\"topic\": \"hot\", \"roleArn\": "
     "\"arn:aws:iam::123456789012:role/r\"}}'\n"
     "  weir rule create hot --file hot.json\n"
     "  weir rule edit hot --description 'what is too hot'\n",
     false, wr_cli_rule},
    {"destinations", WR_CONTROL_USAGE(WR_DESTINATIONS_VERBS),
     "URLs that rules may post to, with sinks.http.require_confirmation",
     WR_CONTROL_DETAILS(
         WR_DESTINATIONS_VERBS) "\n"
                                "examples:\n"
                                "  weir destinations create https://example.com/hooks\n"
                                "  weir destinations list\n",
     false, wr_cli_destinations},
    {"cert", WR_CONTROL_USAGE(WR_CERT_VERBS), "the certificates of a tenant",
     WR_CONTROL_DETAILS(
         WR_CERT_VERBS) "\n"
                        "  --active             create: it may connect at once\n"
                        "  --escrow             create: weir keeps the key too, sealed, for one "
                        "device package\n"
                        "  --csr FILE           create: a signing request (PEM); the key stays "
                        "where it is\n"
                        "  --key-type TYPE      create: RSA-2048, as AWS, or P-256\n"
                        "  --out FOLDER         create: where ID.private.key, ID.public.key and "
                        "ID.cert.pem go; "
                        "without\n"
                        "                       it the current folder\n"
                        "\n"
                        "CERTIFICATE is an id, the begin of one, or an ARN.\n"
                        "\n"
                        "examples:\n"
                        "  weir cert create --active --out keys\n"
                        "  weir cert deactivate 3f2a91\n",
     false, wr_cli_cert},
    {"policy", WR_CONTROL_USAGE(WR_POLICY_VERBS),
     "the policies of a tenant: what certificates may do",
     WR_CONTROL_DETAILS(WR_POLICY_VERBS) "\n"
                                         "examples:\n"
                                         "  weir policy create telemetry telemetry.json\n"
                                         "  weir policy attach telemetry 3f2a91\n",
     false, wr_cli_policy},
    {"help",
     "[COMMAND | functions [NAME] | options [NAME] | metrics | sql | completion SHELL | man]",
     "this list, one command, or what SQL and weir.yaml know",
     "  COMMAND              its options and examples\n"
     "  functions [NAME]     the functions of SQL; of one, or of a family: more\n"
     "  options [NAME]       the options of weir.yaml\n"
     "  metrics              what /metrics of a running weir shows\n"
     "  sql                  the grammar\n"
     "  completion bash|zsh  completions for the shell\n"
     "  man [weir.yaml]      the man pages weir(1) and weir.yaml(5)\n"
     "  --json               functions, options: for programs\n"
     "  --markdown           functions FAMILY, options, sql: what the pages of docs/ hold\n"
     "\n"
     "examples:\n"
     "  weir help run\n"
     "  weir help functions trim\n"
     "  weir help options mqtt.url\n",
     false, wr_cli_help},
    {"version", "[--json]", "which weir this is, and with which libraries it runs",
     "  --json               for programs\n", false, wr_cli_version},
    {0},
};

static const struct wr_cli_command *find(const char *name)
{
    for (const struct wr_cli_command *c = wr_cli_commands; c->name; c++) {
        if (strcmp(c->name, name) == 0) {
            return c;
        }
    }
    return NULL;
}

// ---- help

static void list_commands(FILE *to)
{
    fprintf(to,
            "weir runs AWS IoT topic rules outside AWS.\n\nusage: weir COMMAND [ARGUMENT]...\n\n");
    for (const struct wr_cli_command *c = wr_cli_commands; c->name; c++) {
        fprintf(to, "  %-9s %s\n", c->name, c->summary);
    }
    fprintf(to, "\n'weir help COMMAND' says more; 'weir help functions', 'weir help options' and "
                "'weir help sql' too.\n");
}

static void describe(const struct wr_cli_command *c)
{
    printf("weir %s: %s\n\nusage: weir %s%s%s\n", c->name, c->summary, c->name,
           *c->usage ? " " : "", c->usage);
    if (*c->details) {
        printf("\n%s", c->details);
    }
    if (c->takes_config) {
        wr_help_list_options();
    }
}

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
} topics[] = {
    {"completion", wr_help_completion},
    {"functions", wr_help_functions},
    {"man", wr_help_man},
    {"options", wr_help_options},
    {"sql", wr_help_sql},
    {"metrics", wr_help_metrics},
};

static int unknown(const char *name)
{
    const char *names[COMMANDS_MAX + 1];
    size_t count = 0;
    for (const struct wr_cli_command *c = wr_cli_commands; c->name; c++) {
        wr_assert(count < COMMANDS_MAX);
        names[count++] = c->name;
    }
    for (size_t i = 0; i < WR_COUNT(topics); i++) {
        names[count++] = topics[i].name;
    }
    names[count] = NULL;
    const char *near = wr_name_nearest(wr_str_of(name), names);
    if (near) {
        fprintf(stderr, "weir: unknown command '%s', did you mean '%s'?\n", name, near);
    } else {
        fprintf(stderr, "weir: unknown command '%s', 'weir help' lists them\n", name);
    }
    return WR_EXIT_USAGE;
}

int wr_cli_help(int argc, char **argv)
{
    for (size_t i = 0; argc > 1 && i < WR_COUNT(topics); i++) {
        if (strcmp(argv[1], topics[i].name) == 0) {
            return topics[i].run(argc - 1, argv + 1);
        }
    }
    if (argc > 2) {
        return wr_cli_wrong("help", "expected one command, found also ", argv[2]);
    }
    if (argc < 2) {
        list_commands(stdout);
        return WR_EXIT_OK;
    }
    const struct wr_cli_command *c = find(argv[1]);
    if (!c) {
        return unknown(argv[1]);
    }
    describe(c);
    return WR_EXIT_OK;
}

// ---- shared by commands

bool wr_cli_at_once;

bool wr_cli_colour(int fd)
{
    const char *no_color = getenv("NO_COLOR");
    return isatty(fd) && !(no_color && *no_color);
}

int wr_cli_wrong(const char *name, const char *text, const char *value)
{
    fprintf(stderr, "weir %s: %s%s; see 'weir help %s'\n", name, text, value ? value : "", name);
    return WR_EXIT_USAGE;
}

// ---- the frame

static bool is_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

static int dispatch(int argc, char **argv)
{
    if (argc < 2) {
        list_commands(stderr);
        return WR_EXIT_USAGE;
    }
    if (is_help(argv[1])) {
        list_commands(stdout);
        return WR_EXIT_OK;
    }
    const struct wr_cli_command *c = find(strcmp(argv[1], "--version") == 0 ? "version" : argv[1]);
    if (!c) {
        return unknown(argv[1]);
    }
    for (int i = 2; i < argc && strcmp(argv[i], "--") != 0; i++) {
        // Not where it is another option's value: "-p -h" is a payload.
        bool value = i > 2 && argv[i - 1][0] == '-' && !strchr(argv[i - 1], '=');
        if (is_help(argv[i]) && !value) {
            describe(c);
            return WR_EXIT_OK;
        }
    }
    return c->run(argc - 1, argv + 1);
}

int wr_cli_main(int argc, char **argv)
{
    int status = dispatch(argc, argv);
    bool failed = fflush(stdout) != 0 || ferror(stdout);
    // A reader that has seen enough (`weir help | head -1`) is no trouble.
    if (failed && errno != EPIPE) {
        fprintf(stderr, "weir: standard output: %s\n", strerror(errno));
    }
    return failed && status == WR_EXIT_OK ? WR_EXIT_USAGE : status;
}
