<?php
// A session of Predis.

require __DIR__ . '/session.php';
require 'Predis/autoload.php';

function connect($options = []) {
    $timeouts = ['timeout' => PATIENCE, 'read_write_timeout' => PATIENCE];
    return new Predis\Client(['host' => HOST, 'port' => PORT] + $timeouts, $options);
}

/** What a command answers, also an error. */
function answer($call) {
    try {
        return $call();
    } catch (Predis\Response\ServerException $error) {
        return $error;
    }
}

/** The messages of a subscription until one is `end`. */
function messages($subscribe) {
    $consumer = connect()->pubSubLoop();
    $subscribe($consumer);
    $got = [];
    foreach ($consumer as $message) {
        $got[] = array_values((array) $message);
        if ($message->payload === 'end') {
            $consumer->unsubscribe();
            $consumer->punsubscribe();
        }
    }
    return $got;
}

/** Waits until a client blocks, as any other sees it. */
function until_blocked($r) {
    until(fn () => $r->info('clients')['Clients']['blocked_clients'] >= 1, 'a client that blocks');
}

class IncrementBoth extends Predis\Command\ScriptCommand {
    public function getKeysCount() {
        return 2;
    }

    public function getScript() {
        return 'return {redis.call("incrby", KEYS[1], ARGV[1]), redis.call("incrby", KEYS[2], ARGV[1])}';
    }
}

$r = connect();
line('client', 'Predis ' . Predis\Client::VERSION);
$r->flushall();
$r->script('flush');

step('connection', function () use ($r) {
    yield 'ping' => $r->ping();
    yield 'ping with a text' => $r->executeRaw(['PING', 'hello']);
    yield 'echo' => $r->echo('hello');
    yield 'select' => $r->select(0);
    yield 'select too far' => answer(fn () => $r->select(99));
    yield 'setname' => $r->client('setname', 'session');
    yield 'getname' => $r->client('getname');
    yield 'names in the list' => count(array_filter($r->client('list'), fn ($c) => $c['name'] === 'session'));
    yield 'time' => count($r->time());
    yield 'auth without a password' => answer(fn () => $r->auth('wrong'));
    yield 'info' => array_key_exists('redis_version', $r->info()['Server']);
    yield 'config' => array_keys($r->config('get', 'databases'));
    $with = fn ($more) => new Predis\Client(['host' => HOST, 'port' => PORT] + $more);
    $refused = error(fn () => $with(['password' => 'wrong'])->ping());
    yield 'a password at once' => str_replace('[tcp://' . HOST . ':' . PORT . ']', 'at ADDRESS', $refused->getMessage());
    yield 'a database' => $with(['database' => 0])->ping();
});

step('strings', function () use ($r) {
    yield 'set' => $r->set('s', 'value');
    yield 'get' => $r->get('s');
    yield 'get nothing' => $r->get('nothing');
    yield 'set nx' => $r->set('s', 'other', 'NX');
    yield 'set xx ex' => $r->set('s', 'other', 'EX', 100, 'XX');
    yield 'ttl' => between(98, $r->ttl('s'), 100);
    yield 'getset' => $r->getset('s', 'third');
    yield 'setex' => $r->setex('s', 100, 'fourth');
    yield 'psetex' => $r->psetex('s', 100000, 'fifth');
    yield 'pttl' => between(98000, $r->pttl('s'), 100000);
    yield 'setnx' => $r->setnx('s', 'no');
    yield 'append' => $r->append('s', ' and more');
    yield 'strlen' => $r->strlen('s');
    yield 'getrange' => $r->getrange('s', 2, 5);
    yield 'substr' => $r->substr('s', 0, 1);
    yield 'setrange' => $r->setrange('s', 3, '!!');
    yield 'incr' => $r->incr('n');
    yield 'incrby' => $r->incrby('n', 41);
    yield 'decrby' => $r->decrby('n', 2);
    yield 'incrbyfloat' => $r->incrbyfloat('n', 0.5);
    yield 'setbit' => [$r->setbit('bits', 7, 1), $r->getbit('bits', 7), $r->bitcount('bits'), $r->bitpos('bits', 1)];
    yield 'bitop' => [$r->set('{b}1', 'abc'), $r->set('{b}2', 'abd'), $r->bitop('and', '{b}3', '{b}1', '{b}2'), $r->get('{b}3')];
    yield 'bitfield' => $r->bitfield('field', 'INCRBY', 'i5', '100', '1', 'GET', 'u4', '0');
});

step('many keys', function () use ($r) {
    $pairs = [];
    for ($i = 0; $i < 300; $i++) {
        $pairs["many:$i"] = "value $i";
    }
    yield 'mset' => $r->mset($pairs);
    yield 'mget' => $r->mget([...array_keys($pairs), 'nothing', 'many:0']) === [...array_values($pairs), null, 'value 0'];
    yield 'exists' => $r->exists(...array_keys($pairs), ...['many:0', 'nothing']);
    yield 'touch' => $r->executeRaw(['TOUCH', 'many:0', 'many:1', 'many:2', 'nothing']);
    yield 'keys' => count($r->keys('many:*'));
    yield 'del' => $r->del(array_slice(array_keys($pairs), 0, 100));
    yield 'unlink' => $r->executeRaw(['UNLINK', ...array_slice(array_keys($pairs), 100)]);
    yield 'exist no more' => $r->exists(...array_keys($pairs));
    yield 'msetnx' => [$r->msetnx(['{m}1' => 1, '{m}2' => 2]), $r->msetnx(['{m}2' => 1, '{m}3' => 2])];
});

step('lists', function () use ($r) {
    yield 'rpush' => $r->rpush('l', ['a', 'b', 'c']);
    yield 'lpush' => $r->lpush('l', ['z']);
    yield 'lpushx' => $r->lpushx('nothing', 'z');
    yield 'lrange' => $r->lrange('l', 0, -1);
    yield 'llen' => $r->llen('l');
    yield 'lindex' => $r->lindex('l', 1);
    yield 'linsert' => $r->linsert('l', 'before', 'b', 'between');
    yield 'lset' => [$r->lset('l', 0, 'first'), answer(fn () => $r->lset('l', 100, 'first'))];
    yield 'lrem' => $r->lrem('l', 0, 'between');
    yield 'pops' => [$r->lpop('l'), $r->rpop('l'), $r->lpop('nothing')];
    yield 'ltrim' => [$r->ltrim('l', 0, 0), $r->lrange('l', 0, -1)];
    yield 'rpoplpush' => [$r->rpush('{l}1', ['x', 'y']), $r->rpoplpush('{l}1', '{l}2'), $r->lrange('{l}2', 0, -1)];
    yield 'sort' => [$r->rpush('numbers', [3, 1, 2]), $r->sort('numbers'), $r->sort('numbers', ['sort' => 'desc', 'limit' => [0, 2]])];
});

step('hashes', function () use ($r) {
    yield 'hset' => [$r->hset('h', 'a', '1'), $r->hset('h', 'a', '2'), $r->hsetnx('h', 'a', '3')];
    yield 'hmset' => $r->hmset('h', ['b' => 'x', 'c' => 'y']);
    yield 'hget' => [$r->hget('h', 'a'), $r->hget('h', 'nothing')];
    yield 'hmget' => $r->hmget('h', ['a', 'b', 'nothing']);
    yield 'hgetall' => by_key($r->hgetall('h'));
    yield 'hkeys' => sorted($r->hkeys('h'));
    yield 'hvals' => sorted($r->hvals('h'));
    yield 'hlen' => [$r->hlen('h'), $r->hexists('h', 'a'), $r->hexists('h', 'z')];
    yield 'hincrby' => [$r->hincrby('h', 'a', 40), $r->hincrbyfloat('h', 'a', 0.5), $r->hstrlen('h', 'a')];
    yield 'hdel' => $r->hdel('h', ['b', 'z']);
});

step('sets', function () use ($r) {
    yield 'sadd' => [$r->sadd('{t}1', ['a', 'b', 'c']), $r->sadd('{t}2', ['b', 'c', 'd'])];
    yield 'smembers' => sorted($r->smembers('{t}1'));
    yield 'sismember' => [$r->sismember('{t}1', 'a'), $r->sismember('{t}1', 'z'), $r->scard('{t}1')];
    yield 'sinter' => sorted($r->sinter(['{t}1', '{t}2']));
    yield 'sunion' => sorted($r->sunion(['{t}1', '{t}2']));
    yield 'sdiff' => sorted($r->sdiff(['{t}1', '{t}2']));
    yield 'sunionstore' => $r->sunionstore('{t}3', ['{t}1', '{t}2']);
    yield 'smove' => [$r->smove('{t}1', '{t}2', 'a'), $r->srem('{t}2', ['a', 'z'])];
    yield 'spop' => [$r->sadd('one', ['only']), $r->srandmember('one'), $r->spop('one')];
});

step('sorted sets', function () use ($r) {
    yield 'zadd' => $r->zadd('{z}1', ['a' => 1, 'b' => 2.5, 'c' => 3]);
    yield 'zscore' => [$r->zscore('{z}1', 'b'), $r->zscore('{z}1', 'nothing')];
    yield 'zincrby' => $r->zincrby('{z}1', 1.5, 'a');
    yield 'zrange' => $r->zrange('{z}1', 0, -1);
    yield 'zrange with scores' => $r->zrange('{z}1', 0, -1, ['withscores' => true]);
    yield 'zrevrange' => $r->zrevrange('{z}1', 0, 1);
    yield 'zrangebyscore' => $r->zrangebyscore('{z}1', '(2.5', '+inf', ['withscores' => true, 'limit' => [0, 5]]);
    yield 'zrank' => [$r->zrank('{z}1', 'c'), $r->zrevrank('{z}1', 'c'), $r->zcard('{z}1'), $r->zcount('{z}1', 2, 3)];
    yield 'zunionstore' => [$r->zadd('{z}2', ['a' => 10]), $r->zunionstore('{z}3', ['{z}1', '{z}2'], ['weights' => [1, 2]])];
    yield 'zunionstore, the result' => $r->zrange('{z}3', 0, -1, 'WITHSCORES');
    yield 'zinterstore' => $r->zinterstore('{z}4', ['{z}1', '{z}2'], ['aggregate' => 'max']);
    yield 'lex' => [$r->zadd('lex', ['a' => 0, 'b' => 0, 'c' => 0]), $r->zlexcount('lex', '[a', '(c'), $r->zrangebylex('lex', '-', '[b')];
    yield 'zrem' => [$r->zrem('{z}1', 'a', 'nothing'), $r->zremrangebyrank('{z}1', 0, 0)];
});

step('more types', function () use ($r) {
    yield 'pfadd' => [$r->pfadd('{p}1', ['a', 'b', 'c']), $r->pfcount(['{p}1'])];
    yield 'pfmerge' => [$r->pfadd('{p}2', ['c', 'd']), $r->pfmerge(['{p}3', '{p}1', '{p}2']), $r->pfcount(['{p}1', '{p}2'])];
    yield 'geoadd' => $r->geoadd('geo', 13.361389, 38.115556, 'Palermo', 15.087269, 37.502669, 'Catania');
    yield 'geodist' => $r->geodist('geo', 'Palermo', 'Catania', 'km');
    yield 'geohash' => $r->executeRaw(['GEOHASH', 'geo', 'Palermo', 'nothing']);
    yield 'geopos' => $r->executeRaw(['GEOPOS', 'geo', 'Palermo', 'nothing']);
    yield 'georadius' => $r->georadius('geo', 15, 37, 200, 'km', ['sort' => 'ASC', 'withdist' => true]);
});

step('keys', function () use ($r) {
    yield 'type' => [$r->type('l'), $r->type('h'), $r->type('{t}1'), $r->type('{z}1'), $r->type('nothing')];
    yield 'expire' => [$r->set('e', 1), $r->expire('e', 100), $r->persist('e'), $r->ttl('e'), $r->ttl('nothing')];
    yield 'pexpire' => [$r->pexpire('e', 1), until(fn () => $r->exists('e') === 0, 'a key that expires')];
    yield 'expireat' => [$r->set('e', 1), $r->expireat('e', time() - 10), $r->exists('e')];
    yield 'rename' => [$r->set('{k}1', 'v'), $r->rename('{k}1', '{k}2'), $r->get('{k}2')];
    yield 'rename nothing' => answer(fn () => $r->rename('{k}1', '{k}2'));
    yield 'renamenx' => [$r->set('{k}3', 'v'), $r->renamenx('{k}2', '{k}3')];
    yield 'dump and restore' => [$r->restore('restored', 0, $r->dump('{k}2')), $r->get('restored')];
    yield 'restore again' => answer(fn () => $r->restore('restored', 0, $r->dump('{k}2')));
    yield 'object' => [$r->object('encoding', 'l'), $r->object('refcount', '{k}2')];
    yield 'randomkey' => $r->exists($r->randomkey());
    yield 'dbsize' => $r->dbsize() === count($r->keys('*'));
});

step('pipeline', function () use ($r) {
    $expected = [];
    $got = $r->pipeline(function ($pipe) use (&$expected) {
        for ($i = 0; $i < 500; $i++) {
            $pipe->set("pipe:$i", $i);
            $pipe->incr("pipe:$i");
            $pipe->get("pipe:$i");
            array_push($expected, 'OK', $i + 1, (string) ($i + 1));
        }
    });
    $got = array_map(fn ($item) => $item instanceof Predis\Response\Status ? (string) $item : $item, $got);
    yield 'over many slots' => $got === $expected ? count($got) : $got;
    $many = array_map(fn ($i) => "pipe:$i", range(0, 499));
    [$values, $deleted, $left, $pong] = $r->pipeline()->mget($many)->del($many)->exists($many[0])->ping()->execute();
    yield 'of many keys' => [array_sum($values), $deleted, $left, $pong];
    yield 'atomic' => $r->pipeline(['atomic' => true])->set('{pa}1', 1)->incr('{pa}1')->set('{pa}2', 2)->execute();
    $lasting = connect(['exceptions' => false])->pipeline();
    yield 'with an error in it' => $lasting->set('pe', 'text')->incr('pe')->get('pe')->execute();
    $forgetting = $r->pipeline(['fire-and-forget' => true]);
    yield 'without replies' => [$forgetting->set('pf', 'forgotten')->execute(), connect()->ping()];
});
$r = connect();

step('transaction', function () use ($r) {
    yield 'exec' => $r->transaction(function ($tx) {
        $tx->set('{tx}1', 1);
        $tx->incr('{tx}1');
        $tx->get('{tx}1');
        $tx->hset('{tx}2', 'f', 'v');
        $tx->hgetall('{tx}2');
    });
    $tx = $r->transaction();
    $tx->set('{tx}1', 5);
    yield 'discard' => [$tx->discard() instanceof Predis\Transaction\MultiExec, $r->get('{tx}1')];
    yield 'an error at its end' => answer(fn () => $r->transaction()->lpush('{tx}1', ['x'])->set('{tx}3', 'set')->execute());
    yield 'the rest was done' => $r->get('{tx}3');
    yield 'an error while queueing' => [$r->multi(), $r->executeRaw(['SET', '{tx}1']), $r->executeRaw(['SET', '{tx}1', 'no'])];
    yield 'exec after it' => [answer(fn () => $r->exec()), $r->get('{tx}1')];
    yield 'an empty one' => [$r->multi(), $r->exec()];
    yield 'exec without multi' => answer(fn () => $r->exec());
    yield 'discard without multi' => answer(fn () => $r->discard());
    yield 'multi in multi' => [$r->multi(), answer(fn () => $r->multi()), answer(fn () => $r->watch('x')), $r->discard()];
});

step('watch', function () use ($r) {
    $other = connect();
    $r->set('{w}1', 1);
    $increment = function ($between) use ($r) {
        return $r->transaction(['watch' => '{w}1', 'cas' => true, 'retry' => 3], function ($tx) use ($between) {
            $value = $tx->get('{w}1');
            $between();
            $tx->multi();
            $tx->set('{w}1', $value + 1);
        });
    };
    yield 'no conflict' => [$increment(fn () => null), $r->get('{w}1')];
    $times = 0;
    yield 'conflicts, then none' => [$increment(function () use ($other, &$times) {
        if ($times++ < 2) {
            $other->incrby('{w}1', 100);
        }
    }), $r->get('{w}1'), $times];
    yield 'always a conflict' => error(fn () => $increment(fn () => $other->incr('{w}1')));
    yield 'unwatch' => [$r->watch('{w}1'), $other->set('{w}1', 'taken'), $r->unwatch(), $r->multi(), $r->get('{w}1'), $r->exec()];
});

step('publish and subscribe', function () use ($r) {
    $publish = function () {
        $p = connect();
        until(fn () => $p->pubsub('numsub', 'news', 'sport')['sport'] >= 1, 'a subscriber');
        $p->publish('news', 'one');
        $p->publish('sport', "two\0");
        $p->publish('sport', 'end');
    };
    yield 'messages' => beside($publish, fn () => messages(fn ($loop) => $loop->subscribe('news', 'sport')));
    $publish = function () {
        $p = connect();
        until(fn () => $p->pubsub('numpat') >= 1, 'a subscriber');
        $p->publish('weather:rome', 'sun');
        $p->publish('weather:oslo', 'end');
    };
    yield 'messages of a pattern' => beside($publish, fn () => messages(fn ($loop) => $loop->psubscribe('weather:*')));
    yield 'nobody listens' => until(fn () => $r->publish('news', 'x') === 0, 'no subscriber');
});

step('blocking', function () use ($r) {
    yield 'times out' => $r->blpop(['nothing'], 1);
    yield 'has something' => [$r->rpush('{bl}1', ['x']), $r->blpop(['{bl}0', '{bl}1'], 5)];
    $push = fn ($key) => function () use ($key) {
        $p = connect();
        until_blocked($p);
        $p->rpush($key, ['pushed']);
    };
    yield 'is woken' => beside($push('{bl}2'), fn () => $r->brpop(['{bl}1', '{bl}2'], 5));
    yield 'moves' => beside($push('{bl}3'), fn () => [$r->brpoplpush('{bl}3', '{bl}4', 5), $r->llen('{bl}4')]);
});

step('scan', function () use ($r) {
    $pairs = [];
    for ($i = 0; $i < 1000; $i++) {
        $pairs["scan:$i"] = $i;
    }
    $r->mset($pairs);
    $found = array_unique(iterator_to_array(new Predis\Collection\Iterator\Keyspace($r, 'scan:*', 50)));
    yield 'keys' => [count($found), sorted($found) === sorted(array_keys($pairs))];
    $found = array_unique(iterator_to_array(new Predis\Collection\Iterator\Keyspace($r)));
    yield 'all keys' => count($found) === $r->dbsize();
    $r->sadd('scan-set', range(1, 700));
    yield 'a set' => count(array_unique(iterator_to_array(new Predis\Collection\Iterator\SetKey($r, 'scan-set'))));
    $r->hmset('scan-hash', $pairs);
    yield 'a hash' => array_sum(iterator_to_array(new Predis\Collection\Iterator\HashKey($r, 'scan-hash', 'scan:*')));
    $r->zadd('scan-zset', ['a' => 1, 'b' => 2]);
    yield 'a sorted set' => iterator_to_array(new Predis\Collection\Iterator\SortedSetKey($r, 'scan-zset'));
    $r->rpush('scan-list', range(1, 50));
    yield 'a list' => array_sum(iterator_to_array(new Predis\Collection\Iterator\ListKey($r, 'scan-list')));
    yield 'of a type that is none' => $r->executeRaw(['SCAN', '0', 'TYPE', 'nonsense', 'COUNT', '10000']);
    yield 'a cursor that is none' => $r->executeRaw(['SCAN', 'x']);
    $r->del(array_keys($pairs));
});

step('scripts', function () use ($r) {
    yield 'eval' => $r->eval('return {KEYS[1], ARGV[1], 3, false, {1, "two"}}', 1, '{sc}1', 'arg');
    yield 'eval without keys' => $r->eval('return "none"', 0);
    $sha = $r->script('load', 'return redis.call("incrby", KEYS[1], ARGV[1])');
    yield 'load' => [$sha, $r->script('exists', $sha, str_repeat('0', 40))];
    yield 'evalsha' => [$r->evalsha($sha, 1, '{sc}2', 5), $r->evalsha($sha, 1, 'sc3', 6), $r->evalsha($sha, 1, 'sc4', 7)];
    yield 'evalsha of nothing' => answer(fn () => $r->evalsha(str_repeat('0', 40), 0));
    yield 'an error of its own' => answer(fn () => $r->eval('return redis.error_reply("MINE it is")', 0));
    yield 'a type error in it' => answer(fn () => $r->eval('return redis.pcall("lpush", KEYS[1], 1)', 1, '{sc}2'));
    $r->getProfile()->defineCommand('incrementboth', IncrementBoth::class);
    yield 'as a command' => [$r->incrementboth('{sc}5', '{sc}6', 10), $r->incrementboth('{sc}5', '{sc}7', 10)];
    yield 'flush' => [$r->script('flush'), $r->script('exists', $sha), $r->incrementboth('{sc}5', '{sc}7', 10)];
});

step('streams', function () use ($r) {
    $raw = fn (...$words) => $r->executeRaw($words);
    yield 'xadd' => [$raw('XADD', 'st', '1-1', 'a', '1'), $raw('XADD', 'st', '1-2', 'b', '2'), $raw('XADD', 'st', '1-1', 'a', '1')];
    yield 'xrange' => $raw('XRANGE', 'st', '-', '+');
    yield 'xread' => $raw('XREAD', 'COUNT', '10', 'STREAMS', 'st', '1-1');
    yield 'group' => [$raw('XGROUP', 'CREATE', 'st', 'g', '0'), $raw('XGROUP', 'CREATE', 'st', 'g', '0')];
    yield 'xreadgroup' => $raw('XREADGROUP', 'GROUP', 'g', 'alice', 'COUNT', '1', 'STREAMS', 'st', '>');
    yield 'xpending' => $raw('XPENDING', 'st', 'g');
    yield 'xack' => $raw('XACK', 'st', 'g', '1-1', '9-9');
    yield 'xautoclaim' => $raw('XAUTOCLAIM', 'st', 'g', 'bob', '0', '0');
    yield 'xread times out' => $raw('XREAD', 'BLOCK', '10', 'STREAMS', 'st', '$');
    yield 'xtrim' => [$raw('XTRIM', 'st', 'MAXLEN', '1'), $raw('XLEN', 'st')];
});

step('errors', function () use ($r) {
    $r->set('s', 'text');
    yield 'wrong type' => answer(fn () => $r->lpush('s', ['x']));
    yield 'not a number' => answer(fn () => $r->incr('s'));
    yield 'no float' => answer(fn () => $r->incrbyfloat('s', 1.5));
    yield 'syntax' => $r->executeRaw(['SET', 's', 'v', 'nonsense']);
    yield 'arguments' => $r->executeRaw(['GET']);
    yield 'too many arguments' => $r->executeRaw(['GET', 'a', 'b']);
    yield 'unknown' => $r->executeRaw(['NONSENSE', 'a', 'b']);
    yield 'unknown subcommand' => $r->executeRaw(['OBJECT', 'NONSENSE', 'a']);
    yield 'expiry' => answer(fn () => $r->setex('s', 0, 'v'));
    yield 'an error type' => answer(fn () => $r->lpush('s', ['x']))->getErrorType();
    yield 'nothing was changed' => $r->get('s');
});

step('values', function () use ($r) {
    $big = str_repeat("0123456789abcde\0", 65536);
    yield 'a megabyte' => [$r->set('big', $big), $r->get('big'), $r->get('big') === $big];
    yield 'a big list' => [$r->rpush('bigs', [$big, $big]), $r->lrange('bigs', 0, -1)];
    yield 'a binary key' => [$r->set("\0\r\n\xff key", "\r\n\0"), $r->get("\0\r\n\xff key")];
    yield 'an empty value' => [$r->set('empty', ''), $r->get('empty'), $r->strlen('empty')];
    $prefixed = connect(['prefix' => 'app:']);
    yield 'a prefix' => [$prefixed->set('s', 'prefixed'), $prefixed->mget(['s', 'other']), $r->get('app:s')];
});

step('persistent connection', function () {
    $parameters = ['host' => HOST, 'port' => PORT, 'persistent' => 'pool', 'timeout' => PATIENCE];
    $first = new Predis\Client($parameters);
    $id = $first->executeRaw(['CLIENT', 'ID']);
    yield 'works' => [$first->client('setname', 'kept'), $first->set('persistent', 'yes')];
    unset($first);
    $second = new Predis\Client($parameters);
    yield 'is the same' => [$second->executeRaw(['CLIENT', 'ID']) === $id, $second->client('getname')];
    yield 'still works' => $second->get('persistent');
});

step('session handler', function () use ($r) {
    ini_set('session.use_cookies', '0');
    ini_set('session.cache_limiter', '');
    (new Predis\Session\Handler(connect(['prefix' => 'sess:']), ['gc_maxlifetime' => 1440]))->register();
    session_id('abcdef0123456789abcdef0123456789');
    yield 'starts' => [session_start(), $_SESSION];
    $_SESSION['user'] = ['name' => 'Ann', 'cart' => [1, 2]];
    yield 'is written' => [session_write_close(), $r->get('sess:abcdef0123456789abcdef0123456789')];
    yield 'expires' => between(1400, $r->ttl('sess:abcdef0123456789abcdef0123456789'), 1440);
    $_SESSION = [];
    yield 'starts again' => [session_start(), $_SESSION];
    yield 'is destroyed' => [session_destroy(), $r->exists('sess:abcdef0123456789abcdef0123456789')];
});

step('end of a connection', function () use ($r) {
    yield 'quit' => [$r->quit(), $r->isConnected(), $r->ping()];
});

line('end', 'yes');
