/* A session of hiredis, without its event loop: the way most C programs use it. */

#include <hiredis/hiredis.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* The bound of every wait, in seconds. */
#define PATIENCE 10

/* Replies longer than this are a length and a hash. */
#define LONG 500

static char host[256];
static int port;

/* A connection, or the end of the session. */
static redisContext *dial(void) {
    struct timeval patience = {PATIENCE, 0};
    redisContext *context = redisConnectWithTimeout(host, port, patience);
    if (context == NULL || context->err || redisSetTimeout(context, patience) != REDIS_OK) {
        printf("connect: FAILED %s\n", context ? context->errstr : "out of memory");
        exit(1);
    }
    return context;
}

static uint64_t hash(const char *bytes, size_t length) {
    uint64_t state = 14695981039346656037u;
    for (size_t i = 0; i < length; i++) {
        state = (state ^ (unsigned char)bytes[i]) * 1099511628211u;
    }
    return state;
}

static void print_bytes(const char *bytes, size_t length) {
    if (length > LONG) {
        printf("string of %zu, %016llx", length, (unsigned long long)hash(bytes, length));
        return;
    }
    putchar('"');
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)bytes[i];
        if (byte < 32 || byte > 126 || byte == '"' || byte == '\\') {
            printf("\\x%02x", byte);
        } else {
            putchar(byte);
        }
    }
    putchar('"');
}

/* With its type, on one line. */
static void print_reply(const redisReply *reply) {
    switch (reply->type) {
    case REDIS_REPLY_STATUS:
        printf("status %s", reply->str);
        break;
    case REDIS_REPLY_ERROR:
        printf("error %s", reply->str);
        break;
    case REDIS_REPLY_INTEGER:
        printf("%lld", reply->integer);
        break;
    case REDIS_REPLY_NIL:
        printf("nil");
        break;
    case REDIS_REPLY_STRING:
        print_bytes(reply->str, reply->len);
        break;
    case REDIS_REPLY_ARRAY:
        putchar('[');
        for (size_t i = 0; i < reply->elements; i++) {
            printf("%s", i ? ", " : "");
            print_reply(reply->element[i]);
        }
        putchar(']');
        break;
    default:
        printf("FAILED a reply of type %d", reply->type);
    }
}

static void line(const char *name, const redisContext *context, redisReply *reply) {
    printf("%s: ", name);
    if (reply == NULL) {
        printf("FAILED %s\n", context->err ? context->errstr : "no reply");
        return;
    }
    print_reply(reply);
    putchar('\n');
    freeReplyObject(reply);
}

/* A line with the reply of one command. */
static void does(redisContext *context, const char *name, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    line(name, context, redisvCommand(context, format, arguments));
    va_end(arguments);
}

/* Only does it. */
static void only(redisContext *context, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    redisReply *reply = redisvCommand(context, format, arguments);
    va_end(arguments);
    if (reply != NULL) {
        freeReplyObject(reply);
    }
}

/* The next reply that was not asked for at once. */
static void next(redisContext *context, const char *name) {
    void *reply = NULL;
    if (redisGetReply(context, &reply) != REDIS_OK) {
        reply = NULL;
    }
    line(name, context, reply);
}

static void connection(redisContext *c) {
    does(c, "ping", "PING");
    does(c, "ping with a text", "PING %s", "hello there");
    does(c, "echo", "ECHO hello");
    does(c, "select", "SELECT 0");
    does(c, "select too far", "SELECT 99");
    does(c, "setname", "CLIENT SETNAME session");
    does(c, "getname", "CLIENT GETNAME");
    does(c, "auth without a password", "AUTH wrong");
    does(c, "auth of a user", "AUTH nobody wrong");
    does(c, "hello of no protocol", "HELLO 9");
    does(c, "config", "CONFIG GET databases-and-nothing-else");
    redisReply *info = redisCommand(c, "INFO server");
    printf("info: %s\n", info && info->str && strstr(info->str, "redis_version:") ? "yes" : "no");
    freeReplyObject(info);
    does(c, "reply on", "CLIENT REPLY ON");
}

static void types(redisContext *c) {
    does(c, "set", "SET %s %s EX 100", "s", "a value");
    does(c, "get", "GET s");
    does(c, "get nothing", "GET nothing");
    does(c, "set nx", "SET s other NX");
    does(c, "append", "APPEND s %b", "\0\1", (size_t)2);
    does(c, "getrange", "GETRANGE s 0 -1");
    does(c, "incr", "INCR n");
    does(c, "incrbyfloat", "INCRBYFLOAT n 0.1");
    does(c, "bitfield", "BITFIELD field INCRBY i5 100 1 GET u4 0");
    does(c, "rpush", "RPUSH l a b c");
    does(c, "lrange", "LRANGE l 0 -1");
    does(c, "lpop", "LPOP l 2");
    does(c, "lpop nothing", "LPOP nothing");
    does(c, "lpop some of nothing", "LPOP nothing 2");
    does(c, "hset", "HSET h a 1 b 2");
    does(c, "hgetall", "HGETALL h");
    does(c, "hmget", "HMGET h a nothing");
    does(c, "sadd", "SADD t x");
    does(c, "smembers", "SMEMBERS t");
    does(c, "zadd", "ZADD z 1 a 2.5 b");
    does(c, "zrange", "ZRANGE z 0 -1 WITHSCORES");
    does(c, "zscore", "ZSCORE z b");
    does(c, "pfadd", "PFADD p a b c");
    does(c, "pfcount", "PFCOUNT p");
    does(c, "geoadd", "GEOADD geo 13.361389 38.115556 Palermo 15.087269 37.502669 Catania");
    does(c, "geopos", "GEOPOS geo Palermo nothing");
    does(c, "geosearch", "GEOSEARCH geo FROMLONLAT 15 37 BYRADIUS 200 km ASC WITHDIST");
    does(c, "type", "TYPE l");
    does(c, "type of nothing", "TYPE nothing");
    does(c, "ttl", "TTL n");
    does(c, "ttl of nothing", "TTL nothing");
    does(c, "rename", "RENAME {k}1 {k}2");
    does(c, "copy", "COPY s s");
    does(c, "object", "OBJECT ENCODING h");
    does(c, "object of nothing", "OBJECT ENCODING nothing");
}

static void many_keys(redisContext *c) {
    enum { COUNT = 300 };
    static char keys[COUNT][32];
    static const char *words[2 * COUNT + 1];
    words[0] = "MSET";
    for (int i = 0; i < COUNT; i++) {
        snprintf(keys[i], sizeof keys[i], "many:%d", i);
        words[1 + 2 * i] = keys[i];
        words[2 + 2 * i] = keys[i];
    }
    line("mset", c, redisCommandArgv(c, 2 * COUNT + 1, words, NULL));
    for (int i = 0; i < COUNT; i++) {
        words[1 + i] = keys[i];
    }
    const char *verbs[] = {"MGET", "EXISTS", "TOUCH", "DEL", "UNLINK"};
    const char *names[] = {"mget", "exists", "touch", "del", "unlink"};
    for (int verb = 0; verb < 5; verb++) {
        words[0] = verbs[verb];
        line(names[verb], c, redisCommandArgv(c, COUNT + 1, words, NULL));
    }
    does(c, "mget of the same twice", "MGET s n s nothing l");
}

static void pipeline(redisContext *c) {
    for (int i = 0; i < 500; i++) {
        redisAppendCommand(c, "SET pipe:%d %d", i, i);
        redisAppendCommand(c, "LPUSH pipe:%d x", i);
        redisAppendCommand(c, "INCR pipe:%d", i);
        redisAppendCommand(c, "GET pipe:%d", i);
    }
    int right = 0;
    for (int i = 0; i < 2000; i++) {
        void *got = NULL;
        if (redisGetReply(c, &got) != REDIS_OK) {
            break;
        }
        redisReply *reply = got;
        int number = i / 4;
        switch (i % 4) {
        case 0:
            right += reply->type == REDIS_REPLY_STATUS;
            break;
        case 1:
            right += reply->type == REDIS_REPLY_ERROR;
            break;
        case 2:
            right += reply->integer == number + 1;
            break;
        default:
            right += reply->type == REDIS_REPLY_STRING && atoi(reply->str) == number + 1;
        }
        freeReplyObject(reply);
    }
    printf("pipeline over many slots: %d\n", right);
    redisAppendCommand(c, "MSET pa 1 pb 2 pc 3");
    redisAppendCommand(c, "MGET pa pb pc");
    redisAppendCommand(c, "PING");
    redisAppendCommand(c, "DEL pa pb pc");
    redisAppendCommand(c, "GET pa");
    next(c, "pipeline, mset");
    next(c, "pipeline, mget");
    next(c, "pipeline, ping");
    next(c, "pipeline, del");
    next(c, "pipeline, get");
}

static void transaction(redisContext *c) {
    does(c, "multi", "MULTI");
    does(c, "queued", "SET {tx}1 1");
    does(c, "queued too", "INCR {tx}1");
    does(c, "exec", "EXEC");
    does(c, "multi to discard", "MULTI");
    does(c, "queued to discard", "SET {tx}1 5");
    does(c, "discard", "DISCARD");
    does(c, "after discard", "GET {tx}1");
    only(c, "MULTI");
    only(c, "LPUSH {tx}1 x");
    only(c, "SET {tx}2 set");
    does(c, "an error at its end", "EXEC");
    only(c, "MULTI");
    does(c, "an error while queueing", "NONSENSE x");
    does(c, "exec after it", "EXEC");
    does(c, "exec without multi", "EXEC");
    redisContext *other = dial();
    does(c, "watch", "WATCH {tx}1 {tx}2");
    only(other, "SET {tx}2 taken");
    only(c, "MULTI");
    only(c, "SET {tx}2 mine");
    does(c, "a conflict", "EXEC");
    only(c, "WATCH {tx}1");
    only(c, "MULTI");
    only(c, "GET {tx}2");
    does(c, "no conflict", "EXEC");
    redisFree(other);
}

static void subscriptions(redisContext *c) {
    redisContext *s = dial();
    does(s, "subscribe", "SUBSCRIBE news sport");
    next(s, "subscribe, the second");
    does(c, "publish", "PUBLISH news %b", "one\0", (size_t)4);
    next(s, "message");
    does(s, "psubscribe", "PSUBSCRIBE weather:*");
    does(c, "publish for the pattern", "PUBLISH weather:rome sun");
    next(s, "pmessage");
    does(s, "ping of a subscriber", "PING");
    does(s, "get of a subscriber", "GET s");
    does(c, "numsub", "PUBSUB NUMSUB news nothing");
    does(c, "numpat", "PUBSUB NUMPAT");
    does(c, "channels", "PUBSUB CHANNELS n*");
    does(s, "unsubscribe", "UNSUBSCRIBE news");
    does(s, "unsubscribe from the rest", "UNSUBSCRIBE");
    does(s, "punsubscribe", "PUNSUBSCRIBE");
    does(s, "goes on", "GET n");
    does(s, "unsubscribe from nothing", "UNSUBSCRIBE");
    redisFree(s);
}

/* Waits until a client blocks, as any other sees it. */
static void until_blocked(redisContext *c) {
    time_t deadline = time(NULL) + PATIENCE;
    struct timespec pause = {0, 10 * 1000 * 1000};
    while (time(NULL) <= deadline) {
        redisReply *info = redisCommand(c, "INFO clients");
        const char *found = info ? strstr(info->str, "blocked_clients:") : NULL;
        int blocked = found != NULL && atoi(found + strlen("blocked_clients:")) > 0;
        freeReplyObject(info);
        if (blocked) {
            return;
        }
        nanosleep(&pause, NULL);
    }
    printf("until blocked: FAILED not within %d s\n", PATIENCE);
}

static void blocking(redisContext *c) {
    redisContext *b = dial();
    does(b, "blpop times out", "BLPOP nothing 0.05");
    redisAppendCommand(b, "BLPOP {b}1 {b}2 %d", PATIENCE);
    redisAppendCommand(b, "PING");
    int written = 0;
    while (!written && redisBufferWrite(b, &written) == REDIS_OK) {
    }
    until_blocked(c);
    does(c, "push", "RPUSH {b}2 pushed");
    next(b, "blpop is woken");
    next(b, "what came after it");
    redisFree(b);
}

static void scan(redisContext *c) {
    only(c, "FLUSHALL");
    for (int i = 0; i < 1000; i++) {
        redisAppendCommand(c, "SET scan:%d x", i);
    }
    for (int i = 0; i < 1000; i++) {
        void *reply = NULL;
        if (redisGetReply(c, &reply) == REDIS_OK) {
            freeReplyObject(reply);
        }
    }
    static char seen[1000];
    char cursor[32] = "0";
    int found = 0;
    do {
        redisReply *page = redisCommand(c, "SCAN %s MATCH scan:* COUNT 100", cursor);
        if (page == NULL || page->type != REDIS_REPLY_ARRAY) {
            line("scan, a page", c, page);
            return;
        }
        snprintf(cursor, sizeof cursor, "%s", page->element[0]->str);
        for (size_t i = 0; i < page->element[1]->elements; i++) {
            int number = atoi(page->element[1]->element[i]->str + strlen("scan:"));
            found += !seen[number];
            seen[number] = 1;
        }
        freeReplyObject(page);
    } while (strcmp(cursor, "0") != 0);
    printf("scan: %d\n", found);
    does(c, "dbsize", "DBSIZE");
    does(c, "scan with no cursor", "SCAN x");
}

static void scripts(redisContext *c) {
    does(c, "eval", "EVAL %s 1 {sc}1 arg", "return {KEYS[1], ARGV[1], 3, false, {1, 'two'}, 1.9}");
    does(c, "eval without keys", "EVAL %s 0", "return redis.status_reply('FINE')");
    redisReply *sha = redisCommand(c, "SCRIPT LOAD %s", "return redis.call('incrby', KEYS[1], ARGV[1])");
    does(c, "evalsha", "EVALSHA %s 1 sc1 5", sha->str);
    does(c, "evalsha elsewhere", "EVALSHA %s 1 sc2 6", sha->str);
    does(c, "script exists", "SCRIPT EXISTS %s nothing", sha->str);
    freeReplyObject(sha);
    does(c, "evalsha of nothing", "EVALSHA nothing 0");
    does(c, "an error of its own", "EVAL %s 0", "return redis.error_reply('MINE it is')");
    does(c, "a wrong number of keys", "EVAL %s 5 a", "return 1");
}

static void streams(redisContext *c) {
    does(c, "xadd", "XADD st 1-1 a 1 b 2");
    does(c, "xadd too small", "XADD st 1-1 a 1");
    only(c, "XADD st 1-2 c 3");
    does(c, "xrange", "XRANGE st - +");
    does(c, "xread", "XREAD COUNT 10 STREAMS st 1-1");
    does(c, "group", "XGROUP CREATE st g 0");
    does(c, "group again", "XGROUP CREATE st g 0");
    does(c, "xreadgroup", "XREADGROUP GROUP g alice COUNT 1 STREAMS st >");
    does(c, "xpending", "XPENDING st g");
    does(c, "xack", "XACK st g 1-1 9-9");
    does(c, "xread times out", "XREAD BLOCK 10 STREAMS st $");
    does(c, "xreadgroup of no group", "XREADGROUP GROUP none alice STREAMS st >");
}

static void errors(redisContext *c) {
    only(c, "SET s text");
    does(c, "wrong type", "LPUSH s x");
    does(c, "not a number", "INCR s");
    does(c, "syntax", "SET s v nonsense");
    does(c, "arguments", "GET");
    does(c, "unknown", "NONSENSE %s %s", "a", "b\r\nc");
    does(c, "unknown subcommand", "OBJECT NONSENSE a");
    does(c, "an empty command", "%s", "");
    does(c, "nothing was changed", "GET s");
}

static void values(redisContext *c) {
    size_t length = 1024 * 1024;
    char *big = malloc(length);
    for (size_t i = 0; i < length; i++) {
        big[i] = (char)(i * 31 + i / 256);
    }
    does(c, "set a megabyte", "SET big %b", big, length);
    does(c, "get a megabyte", "GET big");
    for (int i = 0; i < 8; i++) {
        redisAppendCommand(c, "SET big:%d %b", i, big, length);
        redisAppendCommand(c, "GET big:%d", i);
    }
    for (int i = 0; i < 8; i++) {
        char name[64];
        snprintf(name, sizeof name, "megabyte %d is set", i);
        next(c, name);
        snprintf(name, sizeof name, "megabyte %d is got", i);
        next(c, name);
    }
    free(big);
    does(c, "set a binary key", "SET %b %b", "\0\r\n\xff key", (size_t)8, "\r\n\0", (size_t)3);
    does(c, "get a binary key", "GET %b", "\0\r\n\xff key", (size_t)8);
    does(c, "set an empty value", "SET empty %b", "", (size_t)0);
    does(c, "get an empty value", "GET empty");
    does(c, "an empty key", "GET %b", "", (size_t)0);
}

int main(int count, char **words) {
    if (count < 2 || sscanf(words[1], "redis://%255[^:]:%d", host, &port) != 2) {
        fprintf(stderr, "usage: hiredis redis://HOST:PORT PROTOCOL\n");
        return 2;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    printf("client: hiredis %d.%d.%d\n", HIREDIS_MAJOR, HIREDIS_MINOR, HIREDIS_PATCH);
    redisContext *c = dial();
    only(c, "FLUSHALL");
    only(c, "SCRIPT FLUSH");
    connection(c);
    types(c);
    many_keys(c);
    pipeline(c);
    transaction(c);
    subscriptions(c);
    blocking(c);
    scan(c);
    scripts(c);
    streams(c);
    errors(c);
    values(c);
    does(c, "quit", "QUIT");
    redisFree(c);
    printf("end: yes\n");
    return 0;
}
